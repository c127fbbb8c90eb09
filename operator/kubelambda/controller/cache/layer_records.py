"""What the controller remembers of each LambdaLayer, and which layers a function finds.

Contract: pure; the files of a layer, or its URL, are gone from memory at once; a digest stays, and
the name of a package or of an object of S3. A layer whose spec cannot be read has a record all the
same, with a verdict that says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from kubelambda.api.v1alpha1.layer import LambdaLayer
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.layers import build_layer_version
from kubelambda.controller.cache.status_shape import (
    CANNOT_BE_READ,
    LAYER_STATUS,
    is_number,
    is_text,
    keep_shapely,
)
from kubelambda.controller.function.verdict import (
    NO_OBJECTION,
    Verdict,
    describe_error,
    drop_status,
    judge_zip,
)
from kubelambda.core.model.account import derive_account_id
from kubelambda.core.model.code import Code, S3Package, UploadedPackage
from kubelambda.core.model.layer import Layer
from kubelambda.core.packages.code_zip import read_zip

Key = tuple[str, str]
Reference = tuple[str, int]
"""Name and version of a layer."""


@dataclass(frozen=True, slots=True)
class LayerRecord:
    """A LambdaLayer without its files."""

    key: Key
    uid: str
    version: str
    generation: int
    created: str
    deleting: bool
    account_id: str
    layer: Layer
    code_size: int | None
    """Bytes of the zip; None where only gateways or agents see it."""
    verdict: Verdict
    status: Mapping[str, Any] = field(repr=False)

    @property
    def group(self) -> tuple[str, str, int]:
        """What two objects must not share."""
        return (self.key[0], self.layer.name, self.layer.version)


def read_layer(manifest: Mapping[str, Any]) -> LayerRecord:
    """The record of a LambdaLayer as it comes over the wire, whatever its spec and status."""
    verdict = _judge(manifest)
    shapely = {**manifest, "status": keep_shapely(manifest.get("status"), LAYER_STATUS)}
    try:
        record = _read_layer(shapely, verdict)
        if not is_text(record.layer.name) or not is_number(record.layer.version):
            raise TypeError("a layer is a name and a number")
    except CANNOT_BE_READ as error:
        if verdict.reason is None:
            verdict = Verdict(Reason.INVALID_SPEC, f"spec cannot be read: {type(error).__name__}")
        return _read_layer({**shapely, "spec": _pick_identity(manifest.get("spec"))}, verdict)
    return record


def _pick_identity(spec: Any) -> dict[str, Any]:
    """What names the layer version, of a spec that cannot be read."""
    named: dict[str, Any] = {"version": 0, "content": {"package": ""}}
    if isinstance(spec, Mapping):
        if is_text(spec.get("layerName")):
            named["layerName"] = spec["layerName"]
        if is_number(spec.get("version")):
            named["version"] = spec["version"]
    return named


def _read_layer(manifest: Mapping[str, Any], verdict: Verdict) -> LayerRecord:
    metadata = manifest["metadata"]
    layer = build_layer_version(manifest).layer
    content = read_zip(layer.content) if layer.content is not None else None
    return LayerRecord(
        key=(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        generation=metadata.get("generation", 0),
        created=metadata.get("creationTimestamp", ""),
        deleting="deletionTimestamp" in metadata,
        account_id=derive_account_id(metadata["namespace"]),
        layer=layer if _is_name(layer.content) else replace(layer, content=None),
        code_size=len(content) if content is not None else None,
        verdict=verdict,
        status=manifest["status"],
    )


def _is_name(content: Code | None) -> bool:
    """Whether it is no more than the name of something elsewhere, and no credential."""
    return isinstance(content, UploadedPackage | S3Package)


def _judge(manifest: Mapping[str, Any]) -> Verdict:
    try:
        LambdaLayer.model_validate(drop_status(manifest))
    except ValidationError as error:
        return Verdict(Reason.INVALID_SPEC, describe_error(error))
    return judge_zip(manifest["spec"]["content"])


def judge_layer(record: LayerRecord, claimants: Sequence[LayerRecord]) -> Verdict:
    """Why functions cannot use this object, if so; ``claimants`` with the rightful one first."""
    if record.verdict.reason is not None:
        return record.verdict
    rightful = claimants[0] if claimants else record
    if rightful.uid != record.uid:
        return Verdict(
            Reason.DUPLICATE_LAYER_VERSION,
            f"{record.layer.reference} is {rightful.key[1]!r} of this namespace already; choose "
            "another version, or delete that one",
        )
    return NO_OBJECTION


def resolve_layers(layers: Sequence[Layer], known: Mapping[Reference, Layer]) -> tuple[Layer, ...]:
    """``layers`` as ``known`` has them, or else as they are remembered."""
    return tuple(known.get((one.name, one.version), one) for one in layers)
