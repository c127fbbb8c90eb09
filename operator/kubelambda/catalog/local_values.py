"""``environment.valuesFrom`` in local mode, which takes Secrets and ConfigMaps from the YAML files.

Contract: pure; does what the kubelet does on a cluster, within one namespace. Errors name objects
and keys, never values.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kubelambda.core.model.function import Function

Document = Mapping[str, Any]
ObjectKey = tuple[str, str, str]
"""Kind, namespace and name."""

_KINDS = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}


class ValueMissingError(Exception):
    """A value that is not optional is in none of the files."""


def resolve_values(function: Function, objects: Mapping[ObjectKey, Document]) -> Function:
    """``function`` with the values as plain variables, so that its digest changes with them."""
    found: dict[str, str] = {}
    for value in function.values_from:
        source = next(kind for kind in _KINDS if value.get(kind))
        kind, reference = _KINDS[source], value[source]
        document = objects.get((kind, function.ref.namespace, reference["name"]))
        text = _read_key(kind, document or {}, reference["key"])
        if text is not None:
            found[value["name"]] = text
        elif not reference.get("optional"):
            raise ValueMissingError(
                f"{function.ref.name}: the key {reference['key']!r} of the {kind} "
                f"{reference['name']!r} is in none of the files; environment.valuesFrom names it"
            )
    return replace(function, environment={**found, **function.environment}, values_from=())


def _read_key(kind: str, document: Document, key: str) -> str | None:
    """The key's text; None if it is missing or cannot be the value of a variable."""
    plain = document.get("stringData" if kind == "Secret" else "data") or {}
    if plain.get(key) is not None:
        return str(plain[key])
    encoded = (document.get("data") or {}).get(key) if kind == "Secret" else None
    if encoded is None:
        return None
    try:
        return base64.b64decode(str(encoded), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
