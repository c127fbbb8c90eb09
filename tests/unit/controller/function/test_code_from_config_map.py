"""Code from a ConfigMap: the controller looks at it, the kubelet mounts it, digests agree."""

from dataclasses import replace

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.build import build_function
from kubelambda.controller.function.function_status import build_status
from kubelambda.controller.function.plan import plan_function
from kubelambda.controller.function.render import render_function
from kubelambda.controller.records.code_config_map import digest_config_map
from kubelambda.controller.records.function_record import read_function
from kubelambda.core.model.code import encode_code
from unit.controller.builders import NOW, PLATFORM, RUNTIME, kinds, make_function, observe, read

CODE = {"configMapRef": {"name": "app"}}


def test_a_missing_config_map_is_said_and_nothing_is_made() -> None:
    record = read(code=CODE)
    plan = plan_function(record, observe(record), PLATFORM)
    assert plan.outcome.problem.reason is Reason.CODE_NOT_FOUND
    assert "'app'" in plan.outcome.problem.message
    assert not plan.actions


def test_another_version_of_the_code_is_another_revision() -> None:
    record = read(code=CODE)
    first = render_function(record, RUNTIME, PLATFORM, "one")
    assert first.revision == render_function(record, RUNTIME, PLATFORM, "one").revision
    assert first.revision != render_function(record, RUNTIME, PLATFORM, "two").revision


def test_the_config_map_is_mounted_and_not_read_by_the_controller_into_objects() -> None:
    record = read(code=CODE)
    spec = render_function(record, RUNTIME, PLATFORM, "one").deployment["spec"]["template"]["spec"]
    assert {"name": "code", "configMap": {"name": "app"}} in spec["volumes"]
    mounts = spec["containers"][0]["volumeMounts"]
    assert {"name": "code", "mountPath": "/var/run/kubelambda/code", "readOnly": True} in mounts


def test_controller_and_gateway_agree_on_the_configuration_once_the_status_is_written() -> None:
    """Else the gateway would take a new environment for a stale one, for ever."""
    manifest = make_function(code=CODE)
    record = read_function(manifest)
    outcome = plan_function(record, replace(observe(record), code_version="v"), PLATFORM).outcome
    status = build_status(record, outcome, region="us-east-1", now=NOW)
    assert status["codeSha256"] == "v"
    pod = render_function(record, RUNTIME, PLATFORM, "v").deployment["spec"]["template"]["spec"]
    variables = {
        variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]
    }
    seen_by_gateway = build_function({**manifest, "status": status})
    assert variables["KUBELAMBDA_CONFIG_DIGEST"] == seen_by_gateway.config_digest
    assert encode_code(seen_by_gateway.code) == {"mounted": "v"}


def test_the_written_version_does_not_count_twice() -> None:
    """The record of a function whose status names a version renders the same objects again."""
    before = read(code=CODE)
    after = read(code=CODE, status={"codeSha256": "v"})
    assert before.config_digest == after.config_digest


def test_the_digest_covers_text_and_binary_files() -> None:
    text = digest_config_map({"data": {"a": "x"}})
    assert digest_config_map({"binaryData": {"a": "eA=="}}) == text
    assert digest_config_map({"data": {"a": "y"}}) != text
    assert digest_config_map({}) == ""


def test_inline_code_has_the_digest_that_aws_prints_in_its_status() -> None:
    record = read()
    plan = plan_function(record, observe(record), PLATFORM)
    assert kinds(plan) == ["CreateKeySecret"]
    status = build_status(record, plan.outcome, region="us-east-1", now=NOW)
    assert len(status["codeSha256"]) == 44
