"""Builds functions and published versions of documents that local mode has admitted.

Contract: pure. What a cluster's pods read by themselves, such as the files of a ConfigMap, is put
into the function here; UnreadableError, ValueMissingError if it is not there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kubelambda.api.model import ApiModel
from kubelambda.api.v1alpha1.function import LambdaFunction
from kubelambda.api.v1alpha1.version import LambdaVersion
from kubelambda.catalog.build import build_function, build_version
from kubelambda.catalog.documents import Document, UnreadableError
from kubelambda.catalog.local_values import ObjectKey, resolve_values
from kubelambda.catalog.stand_ins import DEFAULT_NAMESPACE, derive_uid
from kubelambda.core.model.code import ConfigMapFiles, InlineFiles
from kubelambda.core.model.function import Function

Objects = Mapping[ObjectKey, Document]
"""ConfigMaps and Secrets."""


def build_local_function(
    admitted: LambdaFunction, objects: Objects, *, is_applied: bool
) -> Function:
    """The function; one that was applied has the uid and generation of its object."""
    manifest = dump(admitted)
    metadata = manifest["metadata"]
    if not is_applied:
        metadata["uid"] = derive_uid(metadata["namespace"], metadata["name"])
        metadata["generation"] = 1
    return _resolve(build_function(_with_ready(manifest)), objects)


def build_local_version(admitted: LambdaVersion, objects: Objects) -> Function:
    """The published version; NotPublishedError."""
    return _resolve(build_version(_with_ready(dump(admitted))), objects)


def dump(admitted: ApiModel) -> dict[str, Any]:
    """The manifest of an object, with its namespace."""
    manifest = admitted.model_dump(mode="json", by_alias=True, exclude_none=True)
    manifest["metadata"].setdefault("namespace", DEFAULT_NAMESPACE)
    return manifest


def _with_ready(manifest: dict[str, Any]) -> dict[str, Any]:
    """As a controller would find it; of its own status what it remembers of layers counts."""
    status = {
        "observedGeneration": manifest["metadata"]["generation"],
        "conditions": [{"type": "Ready", "status": "True"}],
        "layers": (manifest.get("status") or {}).get("layers"),
    }
    return {**manifest, "status": status}


def _resolve(function: Function, objects: Objects) -> Function:
    return resolve_values(_with_code(function, objects), objects)


def _with_code(function: Function, objects: Objects) -> Function:
    if not isinstance(function.code, ConfigMapFiles):
        return function
    name = function.code.name
    config_map = objects.get(("ConfigMap", function.ref.namespace, name))
    if config_map is None or not config_map.get("data"):
        raise UnreadableError(
            f"{function.ref.name}: the ConfigMap {name!r} of code.configMapRef is not there, or "
            "is empty"
        )
    if config_map.get("binaryData"):
        raise UnreadableError(f"{function.ref.name}: local mode takes no binaryData of {name!r}")
    texts = {str(key): str(text) for key, text in config_map["data"].items()}
    return replace(function, code=InlineFiles(texts))
