"""The generated CRDs are what is checked in, and nothing in them lets a tenant out of his box."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from kubelambda.api.crd import DIRECTORIES, build_crds, render_crd
from kubelambda.api.schema import SchemaError, build_structural_schema

ROOT = Path(__file__).resolve().parents[3]
CRDS = build_crds()
FORBIDDEN = (
    "affinity",
    "capabilities",
    "container",
    "hostpath",
    "hostnetwork",
    "initcontainer",
    "namespace",
    "nodeselector",
    "podspec",
    "podtemplate",
    "privileged",
    "securitycontext",
    "serviceaccount",
    "sidecar",
    "template",
    "toleration",
    "volume",
)
PRESERVE = "x-kubernetes-preserve-unknown-fields"


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within ``schema`` with its path."""
    yield path, schema
    for name, property_schema in schema.get("properties", {}).items():
        yield from walk(property_schema, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from walk(schema[key], f"{path}[]")


def iter_schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, manifest in CRDS.items():
        root = manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        yield from walk(root, name)


@pytest.mark.parametrize("directory", DIRECTORIES, ids=str)
def test_checked_in_crds_are_what_the_models_give(directory: Path) -> None:
    """Generated files are verified by regenerating them: run `make crds` when this fails."""
    found = {path.name: path.read_text("utf-8") for path in (ROOT / directory).iterdir()}
    assert found == {name: render_crd(manifest) for name, manifest in CRDS.items()}


def test_no_field_reaches_into_a_pod_or_another_namespace() -> None:
    """Rules A1 and A2: a second forgotten field is how others were broken."""
    for path, _ in iter_schemas():
        last = path.rpartition(".")[2].lower()
        assert not [word for word in FORBIDDEN if word in last], path


def test_no_schema_lets_unknown_fields_through() -> None:
    for path, schema in iter_schemas():
        assert PRESERVE not in schema, path
        assert (
            schema["type"] != "object"
            or path.endswith(".metadata")
            or ("properties" in schema or "additionalProperties" in schema)
        ), path


def test_every_text_list_and_map_has_an_upper_bound() -> None:
    """Without it CEL's cost estimator refuses the CRD, and one object could fill etcd."""
    for path, schema in iter_schemas():
        if path.endswith((".apiVersion", ".kind")):
            continue
        if schema["type"] == "string" and "enum" not in schema:
            assert "maxLength" in schema, path
        if schema["type"] == "array":
            assert "maxItems" in schema, path
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, path


def test_schemas_are_structural() -> None:
    for path, schema in iter_schemas():
        assert not {"$ref", "anyOf", "allOf", "oneOf", "title"} & set(schema), path
        assert not ("properties" in schema and "additionalProperties" in schema), path


def test_every_rule_has_a_message_of_one_line() -> None:
    rules = [
        rule for _, schema in iter_schemas() for rule in schema.get("x-kubernetes-validations", ())
    ]
    assert len(rules) > 40
    assert all(rule["message"] and "\n" not in rule["message"] for rule in rules)


def test_a_union_ends_the_generation() -> None:
    """What a structural schema cannot say must never vanish in silence."""

    class Union(BaseModel):
        spec: int | str

    with pytest.raises(SchemaError, match="spec is a union"):
        build_structural_schema(Union)
