"""A status is read into values, whatever somebody has written into it."""

from typing import Any

import pytest

from kubelambda.core.model.status import (
    Condition,
    FunctionStatus,
    LayerEntry,
    read_function_status,
    read_layer_status,
)

WHOLE: dict[str, Any] = {
    "state": "Active",
    "observedGeneration": 3,
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Ready",
            "message": "Scales from zero on demand.",
            "lastTransitionTime": "2027-01-15T08:00:00Z",
        }
    ],
    "revision": "r",
    "keySecretName": "k",
    "runtimeImage": "registry.example/python",
    "codeSha256": "abc=",
    "resolvedImageUri": "registry.example/app@sha256:00",
    "imageConfig": {
        "entryPoint": ["/entry"],
        "command": ["app.handler"],
        "workingDirectory": "/var/task",
        "digest": "d",
        "observedGeneration": 3,
    },
    "layers": [{"name": "libs", "version": 1, "fetchedFrom": "URL"}],
}
ODD: tuple[Any, ...] = (None, 1.5, True, "text", [], {}, [1], [{}], {"a": 1})
ATTRIBUTES = {
    "observedGeneration": "observed_generation",
    "conditions": "conditions",
    "revision": "revision",
    "keySecretName": "key_secret_name",
    "codeSha256": "code_sha256",
    "resolvedImageUri": "resolved_image_uri",
    "imageConfig": "image",
    "layers": "layers",
}


def test_a_whole_status_is_read_field_by_field() -> None:
    status = read_function_status(WHOLE)
    assert (status.observed_generation, status.revision, status.key_secret_name) == (3, "r", "k")
    assert status.conditions["Ready"] == Condition(
        "Ready", "True", "2027-01-15T08:00:00Z", "Ready", "Scales from zero on demand."
    )
    assert status.image is not None
    assert status.image.command == ("app.handler",)
    assert status.layers == (LayerEntry("libs", 1, fetched_from="URL"),)


@pytest.mark.parametrize("nothing", [None, "text", [], 7, {}])
def test_what_is_no_status_is_an_empty_one(nothing: Any) -> None:
    assert read_function_status(nothing) == FunctionStatus()
    assert read_layer_status(nothing).conditions == {}


@pytest.mark.parametrize("field", [*ATTRIBUTES, "runtimeImage"])
def test_a_field_of_another_shape_is_absent_and_the_others_are_read(field: str) -> None:
    attributes, empty = ATTRIBUTES.values(), FunctionStatus()
    whole = read_function_status(WHOLE)
    for odd in ODD:
        if type(odd) is type(WHOLE[field]) and not (odd and field in ("conditions", "layers")):
            continue  # it has the right shape, or nearly so
        status = read_function_status({**WHOLE, field: odd})
        for attribute in attributes:
            expected = empty if attribute == ATTRIBUTES.get(field) else whole
            assert getattr(status, attribute) == getattr(expected, attribute), (odd, attribute)
        assert field not in status.written, "it is written anew"


@pytest.mark.parametrize("missing", ["type", "status"])
def test_one_condition_that_lacks_something_takes_the_others_with_it(missing: str) -> None:
    """They are one list, and are written as one."""
    (sound,) = WHOLE["conditions"]
    odd = {key: value for key, value in sound.items() if key != missing}
    assert read_function_status({"conditions": [sound, odd]}).conditions == {}


def test_a_condition_without_a_time_counts_and_gets_one_when_it_is_written_next() -> None:
    """The CRD allows it: another program may have written it."""
    (sound,) = WHOLE["conditions"]
    odd = {key: value for key, value in sound.items() if key != "lastTransitionTime"}
    (read,) = read_function_status({"conditions": [odd]}).conditions.values()
    assert (read.is_true, read.last_transition_time) == (True, "")


def test_an_image_of_which_something_is_missing_is_none() -> None:
    for missing in WHOLE["imageConfig"]:
        part = {key: value for key, value in WHOLE["imageConfig"].items() if key != missing}
        assert read_function_status({"imageConfig": part}).image is None, missing


def test_ready_counts_for_its_own_generation_only() -> None:
    status = read_function_status(WHOLE)
    assert status.is_ready(3)
    assert not status.is_ready(4)
    assert not FunctionStatus().is_ready(0)


@pytest.mark.parametrize(
    ("wanted", "is_said"),
    [
        ({"state": "Active", "revision": "r"}, True),
        ({"revision": "other"}, False),
        ({"functionArn": "arn"}, False),
        ({"absent": None}, True),
        ({"codeSha256": None}, False),
    ],
    ids=["a part", "another value", "a new field", "what is to go and is not there", "is to go"],
)
def test_a_status_says_what_is_written_in_it(wanted: dict[str, Any], is_said: bool) -> None:
    assert read_function_status(WHOLE).says(wanted) is is_said


def test_a_field_that_nobody_reads_is_left_alone() -> None:
    assert read_layer_status({"ofANewerRelease": [1]}).written == {"ofANewerRelease": [1]}
