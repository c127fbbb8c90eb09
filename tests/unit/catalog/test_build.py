"""The data plane's function is what the admitted custom resource says."""

from typing import Any

import pytest

from kubelambda.api.v1alpha1.reason import CAPACITY_REASONS, START_REASONS, Reason
from kubelambda.catalog.build import build_function
from kubelambda.core.model.account import derive_account_id
from kubelambda.core.model.code import encode_code
from kubelambda.core.model.function import Function, Stall

URL = {"url": "https://x.example/a", "sha256": "0" * 64}
S3 = {"s3Bucket": "abc", "s3Key": "a b", "s3ObjectVersion": "v"}


def make_manifest(**changes: Any) -> dict[str, Any]:
    manifest = {
        "metadata": {"name": "hello", "namespace": "shop", "uid": "u-1", "generation": 2},
        "spec": {"runtime": "python3.13", "handler": "app.h", "code": {"inline": {"app.py": "x"}}},
        "status": {
            "observedGeneration": 2,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Ready"}],
        },
    }
    manifest["spec"].update(changes)
    return manifest


def test_absent_fields_take_lambdas_defaults() -> None:
    function = build_function(make_manifest())
    assert (function.memory_mb, function.timeout_s) == (128, 3)
    assert function.function_name == "hello"
    assert function.account_id == derive_account_id("shop")


def test_the_function_name_of_the_spec_wins_over_the_objects_name() -> None:
    assert build_function(make_manifest(functionName="Hello_World")).function_name == "Hello_World"


def test_conditions_of_an_older_generation_say_nothing_about_the_present_spec() -> None:
    manifest = make_manifest()
    manifest["status"] = {
        "observedGeneration": 1,
        "conditions": [{"type": "Stalled", "status": "True", "reason": "RuntimeNotFound"}],
    }
    function = build_function(manifest)
    assert function.stalled_reason == ""
    assert not function.ready


def test_a_stalled_function_carries_reason_and_message() -> None:
    manifest = make_manifest()
    manifest["status"]["conditions"] = [
        {"type": "Stalled", "status": "True", "reason": "RuntimeNotFound", "message": "no such"}
    ]
    function = build_function(manifest)
    assert (function.stalled_reason, function.stalled_message) == ("RuntimeNotFound", "no such")


@pytest.mark.parametrize(
    ("reason", "stall"),
    [
        *((reason, Stall.NO_ROOM) for reason in sorted(CAPACITY_REASONS)),
        *((reason, Stall.CANNOT_START) for reason in sorted(START_REASONS)),
    ],
)
def test_a_function_that_lacks_environments_may_serve_from_those_that_are_there(
    reason: Reason, stall: Stall
) -> None:
    manifest = make_manifest()
    manifest["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "reason": reason, "message": "no"},
        {"type": "Stalled", "status": "True", "reason": reason, "message": "its words"},
    ]
    function = build_function(manifest)
    assert (function.ready, function.cannot_run, function.stall) == (True, False, stall)
    assert function.stalled_message == "its words"


@pytest.mark.parametrize("reason", sorted(set(Reason) - CAPACITY_REASONS - START_REASONS))
def test_any_other_reason_for_a_stall_refuses_every_request(reason: Reason) -> None:
    manifest = make_manifest()
    manifest["status"]["conditions"] = [{"type": "Stalled", "status": "True", "reason": reason}]
    function = build_function(manifest)
    assert (function.ready, function.cannot_run) == (False, True)


def test_what_a_ready_function_says_of_its_room_is_read() -> None:
    manifest = make_manifest()
    manifest["status"]["conditions"] = [
        {"type": "Ready", "status": "True", "reason": "Unschedulable", "message": "2 of 4"}
    ]
    function = build_function(manifest)
    assert (function.ready, function.stall) == (True, Stall.NO_ROOM)
    assert function.stalled_message == "2 of 4"


@pytest.mark.parametrize(
    ("change", "rolls"),
    [
        ({"memorySize": 256}, True),
        ({"timeout": 9}, True),
        ({"handler": "app.other"}, True),
        ({"runtime": "python3.12"}, True),
        ({"environment": {"variables": {"AB": "1"}}}, True),
        ({"environment": {"valuesFrom": [{"name": "AB"}]}}, True),
        ({"code": {"inline": {"app.py": "y"}}}, True),
        ({"code": {"package": "0" * 64}}, True),
        ({"code": URL}, True),
        ({"code": S3}, True),
        ({"description": "another"}, False),
        ({"reservedConcurrentExecutions": 3}, False),
        ({"tags": {"a": "b"}}, False),
    ],
)
def test_the_config_digest_changes_exactly_with_what_an_environment_holds(
    change: dict[str, Any], rolls: bool
) -> None:
    before, after = build_function(make_manifest()), build_function(make_manifest(**change))
    assert (before.config_digest != after.config_digest) is rolls


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (URL, {**URL, "url": "https://x.example/b"}),
        (URL, {**URL, "sha256": "1" * 64}),
        (S3, {**S3, "s3Bucket": "other"}),
        (S3, {**S3, "s3Key": "other"}),
        (S3, {**S3, "s3ObjectVersion": "other"}),
        (S3, {"s3Bucket": "abc", "s3Key": "a b"}),
    ],
)
def test_code_from_another_place_rolls(before: dict[str, str], after: dict[str, str]) -> None:
    digests = {build_function(make_manifest(code=code)).config_digest for code in (before, after)}
    assert len(digests) == 2


def test_sources_travel_as_the_link_says() -> None:
    """docs/link.md, section 4."""
    forms = [encode_code(build_function(make_manifest(code=code)).code) for code in (URL, S3)]
    assert forms == [
        {"url": {"url": "https://x.example/a", "sha256": "0" * 64}},
        {"s3": {"bucket": "abc", "key": "a b", "version": "v"}},
    ]


def test_code_and_environment_values_stay_out_of_the_repr() -> None:
    manifest = make_manifest(
        environment={"variables": {"AB": "s3cret"}}, code={"inline": {"app.py": "s3cret"}}
    )
    function: Function = build_function(manifest)
    assert "s3cret" not in repr(function)
