"""Layers: what the controller says of them and of functions that name them."""

from dataclasses import replace
from typing import Any

import pytest

from kubelambda.api.v1alpha1.function import LambdaFunction
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.build import build_function
from kubelambda.catalog.layers import LayerRegistry, build_layer_version
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.function_status import build_status
from kubelambda.controller.function.plan import plan_function
from kubelambda.controller.function.render import render_function
from kubelambda.controller.packages.lambda_layer import build_layer_status
from kubelambda.controller.records.function_record import read_function
from kubelambda.controller.records.keys import WorkKey
from kubelambda.controller.records.layer_record import LayerRecord, find_layer_problem, read_layer
from kubelambda.core.model.function import FunctionRef
from kubelambda.kube.paths import LAYERS
from unit.controller.builders import NOW, PLATFORM, RUNTIME, kinds, make_function, observe, read

SPEC = {"layers": [{"name": "a", "version": 1}]}


def make_layer(name: str = "a-1", *, uid: str = "uid-l", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaLayer",
        "metadata": {
            "name": name,
            "namespace": "apps",
            "uid": uid,
            "generation": 1,
            "resourceVersion": "3",
            "creationTimestamp": f"2027-01-01T00:00:0{len(uid) % 10}Z",
        },
        "spec": {"version": 1, "content": {"inline": {"python/x.py": "TOP-SECRET"}}, **spec},
    }


def status_of(record: LayerRecord, *claimants: LayerRecord) -> Any:
    problem = find_layer_problem(record, claimants)
    return build_layer_status(record, problem, region="us-east-1", now=NOW)


def make_store(*layers: dict[str, Any]) -> Store:
    store = Store()
    store.put_function(read(**SPEC))
    for layer in layers:
        store.put_layer(read_layer(layer))
    return store


def test_a_layer_that_is_not_there_is_said_and_nothing_is_made() -> None:
    record = read(**SPEC)
    plan = plan_function(record, observe(record), PLATFORM)
    assert plan.outcome.stalled
    assert plan.outcome.problem.reason is Reason.LAYER_NOT_FOUND
    assert "a:1" in plan.outcome.problem.message
    assert "create a LambdaLayer" in plan.outcome.problem.message
    assert not plan.actions


def test_a_layer_that_appears_makes_the_function_ready_and_wakes_nobody_else() -> None:
    store = make_store()
    store.put_function(read(name="other", uid="uid-2"))
    woken: list[WorkKey] = []
    intake = Intake(store, woken.append)
    manifest = make_layer()
    assert intake.take(LAYERS.plural, manifest)
    intake.enqueue_affected(LAYERS.plural, manifest)
    assert woken == [("layer", "apps", "a-1"), ("function", "apps", "hello")]
    record = read(**SPEC)
    around = replace(observe(record), layers=store.known_layers("apps", record.layers))
    plan = plan_function(record, around, PLATFORM)
    assert plan.outcome.problem is None
    assert kinds(plan) == ["CreateKeySecret"]


def test_another_content_is_another_revision_and_another_name_is_not() -> None:
    def revision(spec: dict[str, Any], *layers: dict[str, Any]) -> str:
        record, store = read(**spec), make_store(*layers)
        known = store.known_layers("apps", record.layers)
        plan = plan_function(record, replace(observe(record), layers=known), PLATFORM)
        return plan.outcome.revision

    both = {"layers": [{"name": "a", "version": 1}, {"name": "b", "version": 1}]}
    turned = {"layers": both["layers"][::-1]}
    one, other = make_layer(), make_layer("b", content={"inline": {"y": "z"}})
    same = make_layer("b")
    assert revision({}) != revision(SPEC, one)
    assert revision(both, one, other) != revision(turned, one, other)
    assert revision(SPEC, one) == revision({"layers": [{"name": "b", "version": 1}]}, same)


def test_controller_and_gateway_agree_on_the_configuration() -> None:
    """Else the gateway would take a new environment for a stale one, for ever."""
    manifest, layer = make_function(**SPEC), make_layer()
    record, store = read_function(manifest), make_store(layer)
    known = store.known_layers("apps", record.layers)
    outcome = plan_function(record, replace(observe(record), layers=known), PLATFORM).outcome
    status = build_status(record, outcome, region="us-east-1", now=NOW)
    rendered = render_function(record, RUNTIME, PLATFORM, layers=outcome.layers or ())
    pod = rendered.deployment["spec"]["template"]["spec"]
    variables = {
        variable["name"]: variable.get("value") for variable in pod["containers"][0]["env"]
    }
    registry = LayerRegistry()
    registry.put(build_layer_version(layer))
    fresh = registry.complete(build_function(manifest))
    remembering = LayerRegistry().complete(build_function({**manifest, "status": status}))
    assert variables["KUBELAMBDA_CONFIG_DIGEST"] == fresh.config_digest
    assert variables["KUBELAMBDA_CONFIG_DIGEST"] == remembering.config_digest


def test_a_deleted_layer_leaves_its_users_as_they_are() -> None:
    """AWS: functions that already use a deleted version keep working (spec 6.7)."""
    record, store = read(**SPEC), make_store(make_layer())
    known = store.known_layers("apps", record.layers)
    before = plan_function(record, replace(observe(record), layers=known), PLATFORM).outcome
    status = build_status(record, before, region="us-east-1", now=NOW)
    later = read(status=status, **SPEC)
    after = plan_function(later, observe(later), PLATFORM).outcome
    assert after.problem is None
    assert after.revision == before.revision
    assert build_status(later, after, region="us-east-1", now="later") == status
    other = read(status=status, layers=[{"name": "a", "version": 2}])
    assert plan_function(other, observe(other), PLATFORM).outcome.problem.reason is not None


URL = {"url": "https://x.example/a?signature=s3cret", "sha256": "00ff" * 16}
S3 = {"s3Bucket": "abc", "s3Key": "k", "s3ObjectVersion": "v1"}


def environment_of(*layers: dict[str, Any]) -> set[str]:
    """Names of the variables of a pod whose function names layer a."""
    record, store = read(**SPEC), make_store(*layers)
    known = store.known_layers("apps", record.layers)
    rendered = render_function(record, RUNTIME, PLATFORM, layers=tuple(known.values()))
    (container,) = rendered.deployment["spec"]["template"]["spec"]["containers"]
    return {variable["name"] for variable in container["env"]}


@pytest.mark.parametrize(
    ("content", "rules", "secret"),
    [({"package": "ab" * 32}, False, False), (URL, True, False), (S3, True, True)],
)
def test_a_pod_holds_what_its_layers_need(
    content: dict[str, Any], rules: bool, secret: bool
) -> None:
    names = environment_of(make_layer(content=content))
    assert ("KUBELAMBDA_ALLOWED_CODE_HOSTS" in names) is rules
    assert ("KUBELAMBDA_PRIVATE_CIDRS" in names) is rules
    assert ("KUBELAMBDA_S3_ACCESS_KEY_ID" in names) is secret


@pytest.mark.parametrize("content", [URL, S3], ids=["url", "s3"])
def test_a_deleted_layer_that_was_fetched_rolls_nothing(content: dict[str, Any]) -> None:
    """Controller and gateway agree before and after; S3 is fetched on, a URL is not remembered."""
    manifest, layer = make_function(**SPEC), make_layer(content=content)
    record, store = read_function(manifest), make_store(layer)
    known = store.known_layers("apps", record.layers)
    before = plan_function(record, replace(observe(record), layers=known), PLATFORM).outcome
    status = build_status(record, before, region="us-east-1", now=NOW)
    LambdaFunction.model_validate({**manifest, "status": status})
    assert "s3cret" not in repr([status, record, list(store.layers.values()), before])
    registry = LayerRegistry()
    registry.put(build_layer_version(layer))
    fresh = registry.complete(build_function(manifest))
    left = LayerRegistry().complete(build_function({**manifest, "status": status}))
    assert left.config_digest == fresh.config_digest
    later = read(status=status, **SPEC)
    assert later.serving_digest == fresh.config_digest
    after = plan_function(later, observe(later), PLATFORM).outcome
    assert (after.problem, after.revision) == (None, before.revision)
    assert build_status(later, after, region="us-east-1", now="later") == status
    assert (left.layers[0].content == fresh.layers[0].content) is (content is S3)


def test_an_object_of_s3_has_no_digest_to_show() -> None:
    record = read_layer(make_layer(content=S3))
    assert not {"codeSha256", "codeSize"} & status_of(record, record).keys()
    assert status_of(record, record)["conditions"][0]["status"] == "True"
    record = read_layer(make_layer(content=URL))
    assert status_of(record, record)["codeSha256"].startswith("AP8A")


def test_a_deletion_wakes_the_users_and_the_next_claimant() -> None:
    store = make_store(make_layer(), make_layer("second", uid="uid-later", layerName="a"))
    woken: list[WorkKey] = []
    intake = Intake(store, woken.append)
    intake.drop(LAYERS.plural, make_layer())
    intake.enqueue_affected(LAYERS.plural, make_layer())
    assert woken == [("layer", "apps", "second"), ("function", "apps", "hello")]
    assert list(store.known_layers("apps", read(**SPEC).layers)) == [("a", 1)]


def test_a_function_that_names_no_layers_any_more_says_so() -> None:
    remembered = {"layers": [{"name": "a", "version": 1, "codeSha256": "x"}]}
    record = read(status=remembered)
    outcome = plan_function(record, observe(record), PLATFORM).outcome
    assert build_status(record, outcome, region="us-east-1", now=NOW)["layers"] == []


def test_the_status_of_a_layer_is_what_the_lambda_api_would_say() -> None:
    record = read_layer(make_layer("Greeting".lower() + "-1"))
    status = status_of(record, record)
    assert status["layerName"] == "greeting"
    assert status["layerVersionArn"].endswith(":layer:greeting:1")
    assert len(status["codeSha256"]) == 44
    assert status["codeSize"] > 0
    assert {condition["type"]: condition["status"] for condition in status["conditions"]} == {
        "Ready": "True",
        "Reconciling": "False",
        "Stalled": "False",
    }
    settled = read_layer({**make_layer("greeting-1"), "status": status})
    assert find_layer_problem(settled, [settled]) is None
    again = build_layer_status(settled, None, region="us-east-1", now="later")
    assert again == settled.status.written


def test_the_size_of_a_package_is_not_known_here() -> None:
    record = read_layer(make_layer(content={"package": "ab" * 32}))
    assert "codeSize" not in status_of(record, record)


def test_the_later_object_of_a_version_is_stalled() -> None:
    first = read_layer(make_layer())
    second = read_layer(make_layer("other", uid="uid-later", layerName="a"))
    store = Store()
    store.put_layer(second)
    store.put_layer(first)
    claimants = store.layer_claimants(second)
    assert [claimant.key[1] for claimant in claimants] == ["a-1", "other"]
    stalled = status_of(second, *claimants)["conditions"][0]
    assert (stalled["status"], stalled["reason"]) == ("False", "DuplicateLayerVersion")
    assert "'a-1'" in stalled["message"]


def test_the_record_forgets_the_files() -> None:
    record = read_layer(make_layer())
    assert "TOP-SECRET" not in repr(record)
    assert record.layer.content is None
    assert FunctionRef(*record.key).name == "a-1"
