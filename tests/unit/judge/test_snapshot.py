"""A published version stays as it is: what its snapshot names cannot change."""

from typing import Any

import pytest

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.status import read_function_status
from kubelambda.judge.problem import Problem
from kubelambda.judge.snapshot import (
    Snapshot,
    build_snapshot,
    digest_snapshot,
    list_config_maps,
    list_secrets,
)
from unit.judge.published import Publisher, make_function

OWNER = "hello.1-0000abcd"
IMAGE = "registry.example/app@sha256:" + "0a" * 32


def build(
    spec: dict[str, Any], config_maps: dict[str, Any] | None = None, **status: Any
) -> Snapshot:
    found = build_snapshot(spec, read_function_status(status), config_maps or {}, OWNER)
    assert isinstance(found, Snapshot), found
    return found


def find_problem(spec: dict[str, Any], config_maps: dict[str, Any] | None = None) -> str:
    found = build_snapshot(spec, read_function_status({}), config_maps or {}, OWNER)
    assert isinstance(found, Problem)
    assert found.reason is Reason.NOT_PINNED
    return found.message


def make_values(*names: str, optional: bool = False) -> dict[str, Any]:
    """Variables that come from keys ``k`` of the ConfigMap ``settings``."""
    reference = {"name": "settings", "key": "k", **({"optional": True} if optional else {})}
    values = [{"name": name, "configMapKeyRef": reference} for name in names]
    return make_function(environment={"variables": {"A1": "b"}, "valuesFrom": values})["spec"]


@pytest.mark.parametrize(
    "code",
    [
        {"inline": {"app.py": "x"}},
        {"zipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
        {"package": "a" * 64},
        {"url": "https://example.com/a.zip", "sha256": "a" * 64},
        {"s3Bucket": "code", "s3Key": "a.zip", "s3ObjectVersion": "7"},
    ],
    ids=lambda code: next(iter(code)),
)
def test_code_that_cannot_change_is_copied(code: dict[str, Any]) -> None:
    spec = make_function(code=code)["spec"]
    snapshot = build(spec)
    assert snapshot.configuration == spec
    assert snapshot.configuration["code"] is not spec["code"]
    assert snapshot.copies == ()


def test_the_tag_of_an_image_becomes_the_digest_that_it_had() -> None:
    spec = {"packageType": "Image", "code": {"imageURI": "registry.example/app:1"}}
    assert build(spec, resolvedImageUri=IMAGE).configuration["code"] == {"imageURI": IMAGE}
    assert "looked up" in find_problem(spec)


def test_code_of_a_config_map_is_copied_with_the_bytes() -> None:
    spec = make_function(code={"configMapRef": {"name": "code"}})["spec"]
    assert list_config_maps(spec) == ["code"]
    config_maps = {"code": {"data": {"app.py": "x"}, "binaryData": {"lib.so": "AAE="}}}
    snapshot = build(spec, config_maps)
    (copied,) = snapshot.copies
    assert copied.name.startswith("hello-1-0000abcd-code-")
    assert (copied.data, copied.binary_data) == ({"app.py": "x"}, {"lib.so": "AAE="})
    assert snapshot.configuration["code"] == {"configMapRef": {"name": copied.name}}
    assert "'code'" in find_problem(spec, {"code": None})


def test_values_of_config_maps_are_copied_under_the_names_of_their_variables() -> None:
    config_maps = {"settings": {"data": {"k": "value", "other": "not copied"}}}
    snapshot = build(make_values("ONE", "TWO"), config_maps)
    (copied,) = snapshot.copies
    assert copied.data == {"ONE": "value", "TWO": "value"}
    environment = snapshot.configuration["environment"]
    assert environment["variables"] == {"A1": "b"}
    assert environment["valuesFrom"] == [
        {"name": name, "configMapKeyRef": {"name": copied.name, "key": name}}
        for name in ("ONE", "TWO")
    ]


def test_an_optional_value_that_is_absent_stays_absent_and_a_missing_one_is_refused() -> None:
    snapshot = build(make_values("ONE", optional=True), {"settings": {"data": {}}})
    assert snapshot.copies == ()
    assert snapshot.configuration["environment"]["valuesFrom"] == []
    assert "ONE" in find_problem(make_values("ONE"), {"settings": None})


def test_values_of_secrets_stay_references() -> None:
    """The controller may not read Secrets; their values are read when an environment starts."""
    secret = {"name": "KEY", "secretKeyRef": {"name": "s", "key": "k"}}
    spec = make_function(environment={"valuesFrom": [secret]})["spec"]
    snapshot = build(spec)
    assert snapshot.configuration["environment"]["valuesFrom"] == [secret]
    assert list_secrets(snapshot.configuration) == ["s"]
    assert list_config_maps(spec) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"data": {"k": "1"}}, {"data": {"k": "2"}}),
        ({"data": {"app.py": "1"}}, {"data": {"app.py": "2"}}),
    ],
)
def test_another_content_of_a_config_map_is_another_version(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    reference = {"name": "C1", "configMapKeyRef": {"name": "settings", "key": "k"}}
    spec: dict[str, Any] = {"code": {"configMapRef": {"name": "settings"}}}
    if "k" in before["data"]:
        spec = {"environment": {"valuesFrom": [reference]}}
    publisher = Publisher(make_function(**spec))
    publisher.config_maps["settings"] = before
    assert publisher.publish().number == 1
    assert publisher.publish().number == 1, "each object has a copy of its own, of the same content"
    assert len(publisher.copies) == 2
    publisher.config_maps["settings"] = after
    assert publisher.publish().number == 2
    assert publisher.snapshots["hello.1"] != publisher.snapshots["hello.3"]


def test_a_long_name_of_a_copy_keeps_its_digest() -> None:
    spec = make_function(code={"configMapRef": {"name": "code"}})["spec"]
    config_maps = {"code": {"data": {"app.py": "x"}}}
    found = build_snapshot(spec, read_function_status({}), config_maps, "a" * 253)
    short = build(spec, config_maps)
    assert isinstance(found, Snapshot)
    assert len(found.copies[0].name) == 253
    assert digest_snapshot(found.configuration) == digest_snapshot(short.configuration)


def test_a_snapshot_of_a_newer_release_is_compared_as_it_is() -> None:
    newer = {"code": {"wasm": "x"}, "novelty": 1}
    assert digest_snapshot(newer) == digest_snapshot(dict(newer))
    assert digest_snapshot(newer) != digest_snapshot({**newer, "novelty": 2})
