"""Stand-ins for functions whose documents have an error: their callers are told which error.

Contract: pure. A stand-in is a function that cannot run. Text that is not even YAML is searched for
the names of the functions that it describes; a function whose name is overlooked is not found.
"""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from kubelambda.catalog.build import build_invalid
from kubelambda.core.model.function import Function, FunctionRef

DEFAULT_NAMESPACE = "default"
_UID_NAMESPACE = uuid.UUID("6b1f8a0e-7f5c-4c53-9f0e-0d5c4bb1a9a1")
_DOCUMENT_END = re.compile(r"^---", re.MULTILINE)
_KIND = re.compile(r"""\bkind["']?:[ \t]*["']?LambdaFunction\b""")
_METADATA = re.compile(
    r"""\bmetadata["']?:[ \t]*(?:\{[^}\n]*|(?:#[^\n]*)?\n(?:[ \t]+[^\n]*(?:\n|$)|[ \t]*\n)*)"""
)
_VALUES = {
    key: re.compile(rf"""(?:^|[\s{{,"']){key}["']?:[ \t]*["']?([A-Za-z0-9._-]+)""")
    for key in ("name", "namespace", "functionName")
}


def derive_uid(namespace: str, name: str) -> str:
    """The uid that local mode gives to an object of this name; always the same."""
    return str(uuid.uuid5(_UID_NAMESPACE, f"{namespace}/{name}"))


def find_name(document: Mapping[str, Any]) -> str:
    """``metadata.name`` of ``document``; empty if it has none."""
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return name if isinstance(name, str) else ""


def build_stand_in(
    document: Mapping[str, Any], message: str, *, keeps_uid: bool = False
) -> Function | None:
    """The stand-in for the function of ``document``; None if it does not say which one it is."""
    metadata, spec = document.get("metadata"), document.get("spec")
    if document.get("kind") != "LambdaFunction" or not isinstance(metadata, Mapping):
        return None
    name = find_name(document)
    if not name:
        return None
    namespace = str(metadata.get("namespace") or DEFAULT_NAMESPACE)
    ref = FunctionRef(namespace, name)
    uid = str(metadata.get("uid")) if keeps_uid else derive_uid(namespace, name)
    return build_invalid(ref, uid, spec, message)


def find_layer_reference(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """Namespace and ``name:version`` of the layer version that ``document`` describes."""
    metadata, spec = document.get("metadata"), document.get("spec")
    if not isinstance(metadata, Mapping) or not isinstance(spec, Mapping):
        return None
    version = spec.get("version")
    name = spec.get("layerName") or str(metadata.get("name")).removesuffix(f"-{version}")
    return str(metadata.get("namespace") or DEFAULT_NAMESPACE), f"{name}:{version}"


def search_documents(text: str) -> list[Mapping[str, Any]]:
    """Documents with the names of the functions that ``text``, which is not YAML, describes."""
    return [
        _search_names(part) for part in _DOCUMENT_END.split(text) if _KIND.search(part) is not None
    ]


def _search_names(part: str) -> Mapping[str, Any]:
    found = _METADATA.search(part)
    metadata = found[0] if found else ""
    named = {
        key: value[1]
        for key in ("name", "namespace")
        if (value := _VALUES[key].search(metadata)) is not None
    }
    function_name = _VALUES["functionName"].search(part)
    spec = {"functionName": function_name[1]} if function_name else {}
    return {"kind": "LambdaFunction", "metadata": named, "spec": spec}
