"""From a pydantic model to the structural schema of a CustomResourceDefinition.

Contract: pure. What comes out has no $ref, no anyOf, no title and no null, and stays the same as
long as the models do. What it cannot express ends the generation with an error, never in silence.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_KEPT = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
_READ = ("title", "$defs", "$ref", "anyOf", "const", "properties", "items", "additionalProperties")


class SchemaError(Exception):
    """A model says something that a structural schema cannot."""


def build_structural_schema(model: type[BaseModel]) -> Schema:
    """The openAPIV3Schema of ``model``."""
    raw = model.model_json_schema(by_alias=True, mode="validation")
    root = _convert(raw, raw.get("$defs", {}), model.__name__)
    root["properties"]["apiVersion"] = {"type": "string"}
    root["properties"]["kind"] = {"type": "string"}
    root["properties"]["metadata"] = {"type": "object"}
    root["required"] = ["spec"]
    return root


def _convert(raw: Mapping[str, Any], definitions: Mapping[str, Any], path: str) -> Schema:
    merged = _merge(raw, definitions, path)
    unknown = set(merged) - {*_KEPT, *_READ}
    if unknown:
        raise SchemaError(f"{path}: {sorted(unknown)} cannot stand in a structural schema")
    schema = {key: merged[key] for key in _KEPT if merged.get(key) is not None}
    if "const" in merged:
        schema["enum"] = [merged["const"]]
    if "properties" in merged:
        schema["properties"] = {
            name: _convert(property_schema, definitions, f"{path}.{name}")
            for name, property_schema in merged["properties"].items()
        }
    elif isinstance(merged.get("additionalProperties"), Mapping):
        schema["additionalProperties"] = _convert(
            merged["additionalProperties"], definitions, f"{path}.*"
        )
    if "items" in merged:
        schema["items"] = _convert(merged["items"], definitions, f"{path}[]")
    if "type" not in schema:
        raise SchemaError(f"{path} has no type")
    return schema


def _merge(raw: Mapping[str, Any], definitions: Mapping[str, Any], path: str) -> Schema:
    """``raw`` with its reference, or the one alternative beside null, taken into it."""
    if "$ref" in raw:
        target = definitions[raw["$ref"].rpartition("/")[2]]
        return {**_merge(target, definitions, path), **raw}
    if "anyOf" in raw:
        others = [option for option in raw["anyOf"] if option.get("type") != "null"]
        if len(others) != 1:
            raise SchemaError(f"{path} is a union; split it into fields")
        return {**_merge(others[0], definitions, path), **raw}
    return dict(raw)
