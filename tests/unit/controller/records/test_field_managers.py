"""Whose fields of an object are not the controller's own."""

from typing import Any

import pytest

from kubelambda.controller.records.field_managers import (
    APPLY_MANAGER,
    SCALE_MANAGER,
    has_foreign_replicas,
    list_foreign_fields,
)


def entry(manager: str, tree: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "fieldsV1": tree, **more}


SPEC = {"f:spec": {"f:replicas": {}, "f:paused": {}, "f:template": {"f:spec": {"f:a": {}}}}}
CASES: list[tuple[str, Any, tuple[str, ...]]] = [
    ("somebody else's", entry("kubectl-edit", SPEC), ("f:paused", "f:template.f:spec.f:a")),
    ("the scaler's", entry(SCALE_MANAGER, SPEC), ()),
    ("those that are kept", entry(APPLY_MANAGER, SPEC), ()),
    ("an autoscaler's replicas", entry("hpa", {"f:spec": {"f:replicas": {}}}), ()),
    ("a status", entry("kube-controller-manager", SPEC, subresource="status"), ()),
    ("an annotation", entry("kube-controller-manager", {"f:metadata": {"f:a": {}}}), ()),
    ("nothing at all", {"manager": "odd"}, ()),
]


@pytest.mark.parametrize(("found", "paths"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_foreign_fields_of_a_spec(found: Any, paths: tuple[str, ...]) -> None:
    assert list_foreign_fields({"managedFields": [found]}) == paths


def test_who_keeps_no_account_of_fields_has_changed_none() -> None:
    assert list_foreign_fields({}) == ()


REPLICAS = {"f:spec": {"f:replicas": {}}}
SCALED: list[tuple[str, Any, bool]] = [
    ("kubectl scale", entry("kubectl", REPLICAS, subresource="scale"), True),
    ("kubectl edit", entry("kubectl-edit", REPLICAS), True),
    ("the scaler", entry(SCALE_MANAGER, REPLICAS), False),
    ("another field", entry("kubectl-edit", {"f:spec": {"f:paused": {}}}), False),
    ("a status", entry("kube-controller-manager", {"f:status": {}}, subresource="status"), False),
]


@pytest.mark.parametrize(("found", "foreign"), [c[1:] for c in SCALED], ids=[c[0] for c in SCALED])
def test_who_has_set_the_replicas(found: Any, foreign: bool) -> None:
    assert has_foreign_replicas({"managedFields": [found]}) is foreign
