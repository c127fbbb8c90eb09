"""Layer versions, and functions completed with the contents of the versions that they name.

Contract: lives on one event loop; no I/O. A function whose layers are not all known is pending: it
waits, or is served with its former configuration. A version that exists wins over what a function
remembers of it. Of two objects that are the same version the older one counts (the controller marks
the other Stalled). Source: spec/lambda.md sections 6.3 and 6.7.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubelambda.catalog.build import build_code
from kubelambda.catalog.claims import Claims, ObjectKey
from kubelambda.core.model.code import InlineFiles, InlineZip, is_fetched
from kubelambda.core.model.function import Function
from kubelambda.core.model.layer import Layer
from kubelambda.core.packages.code_zip import build_inline_zip, compute_sha256

VersionKey = tuple[str, str, int]
"""Namespace, name of the layer, version."""


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """What one LambdaLayer is."""

    key: ObjectKey
    created: str
    layer: Layer

    @property
    def version_key(self) -> VersionKey:
        """Which version of which layer it claims to be."""
        return (self.key[0], self.layer.name, self.layer.version)


def derive_layer_name(name: str, version: int) -> str:
    """The layer's name if the spec gives none: ``name`` without its version at the end."""
    return name.removesuffix(f"-{version}")


def build_layer_version(manifest: Mapping[str, Any]) -> LayerVersion:
    """What a LambdaLayer ``manifest`` is: the API server admitted it, so nothing is checked again.

    Inline files become the zip that they stand for: one form on the link, and of a known size.
    """
    metadata, spec = manifest["metadata"], manifest["spec"]
    name, version = metadata["name"], spec["version"]
    if not isinstance(version, int) or not isinstance(spec.get("layerName", ""), str):
        raise TypeError("a layer's name or version of the wrong type")
    content = build_code(spec["content"])
    if isinstance(content, InlineFiles):
        archive = build_inline_zip(content.files)
        content = InlineZip(base64.b64encode(archive).decode())
    layer = Layer(
        spec.get("layerName") or derive_layer_name(name, version),
        version,
        compute_sha256(content),
        content,
        fetched=is_fetched(content),
    )
    key = (metadata.get("namespace", "default"), name)
    return LayerVersion(key, metadata.get("creationTimestamp", ""), layer)


def find_missing(function: Function) -> list[str]:
    """Layer versions of which nobody knows the content, as ``name:version``."""
    return [layer.reference for layer in function.layers if layer.content is None]


def describe_missing(missing: Sequence[str]) -> str:
    """What to do about layer versions that do not exist; ``missing`` as ``name:version``."""
    names = ", ".join(missing)
    verb, them = ("does", "it") if len(missing) == 1 else ("do", "them")
    return (
        f"{names} of spec.layers {verb} not exist in this namespace; create a LambdaLayer with "
        f"that layerName and version, or take {them} out of spec.layers"
    )


class LayerRegistry:
    """All layer versions that are known."""

    def __init__(self) -> None:
        self._claims: Claims[VersionKey, LayerVersion] = Claims()

    def put(self, version: LayerVersion) -> bool:
        """Remember ``version``; False if nothing is new."""
        return self._claims.put(version.key, version.created, version.version_key, version)

    def remove(self, key: ObjectKey) -> LayerVersion | None:
        """Forget the object ``key``; what it was."""
        return self._claims.remove(key)

    def keys(self, namespace: str | None) -> list[ObjectKey]:
        """All objects, or those of one namespace."""
        return self._claims.keys(namespace)

    def complete(self, function: Function) -> Function:
        """``function`` with the contents of its layers; not ready if one is unknown."""
        if not function.layers:
            return function
        namespace = function.ref.namespace
        layers = tuple(self._find(namespace, layer) for layer in function.layers)
        known = all(layer.content is not None for layer in layers)
        return replace(function, layers=layers, ready=function.ready and known)

    def _find(self, namespace: str, layer: Layer) -> Layer:
        found = self._claims.find((namespace, layer.name, layer.version))
        return found.layer if found is not None else layer
