"""What the controller remembers of each LambdaLayer, and which layers a function finds.

Contract: pure. The files of a layer, or its URL, are dropped at once; a digest stays, and the name
of a package or of an object of S3. A layer whose spec cannot be read has a record too, whose
``spec_problem`` says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.layers import build_layer_version
from kubelambda.controller.records.keys import Key
from kubelambda.controller.records.malformed import MALFORMED
from kubelambda.controller.status.spec_problem import describe_unreadable, find_layer_spec_problem
from kubelambda.core.model.account import derive_account_id
from kubelambda.core.model.code import Code, S3Package, UploadedPackage
from kubelambda.core.model.field_types import is_number, is_text
from kubelambda.core.model.layer import Layer
from kubelambda.core.model.status import ObjectStatus, read_layer_status
from kubelambda.core.packages.code_zip import read_zip
from kubelambda.judge.problem import Problem

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
    """Bytes of the zip; None if only gateways or agents see the zip."""
    spec_problem: Problem | None
    """Why functions cannot use it, by its own manifest."""
    status: ObjectStatus = field(repr=False)

    @property
    def group(self) -> tuple[str, str, int]:
        """Namespace, name and version of the layer: two objects must not have the same."""
        return (self.key[0], self.layer.name, self.layer.version)


def read_layer(manifest: Mapping[str, Any]) -> LayerRecord:
    """The record of a LambdaLayer as it comes over the wire, whatever its spec and status."""
    problem = find_layer_spec_problem(manifest)
    status = read_layer_status(manifest.get("status"))
    try:
        record = _build_record(manifest, status, problem)
        if not is_text(record.layer.name) or not is_number(record.layer.version):
            raise TypeError("a layer is a name and a number")
    except MALFORMED as error:
        bare = {**manifest, "spec": _pick_identity(manifest.get("spec"))}
        return _build_record(bare, status, problem or describe_unreadable(error))
    return record


def _pick_identity(spec: Any) -> dict[str, Any]:
    """The parts that name the layer version, of a spec that cannot be read."""
    named: dict[str, Any] = {"version": 0, "content": {"package": ""}}
    if isinstance(spec, Mapping):
        if is_text(spec.get("layerName")):
            named["layerName"] = spec["layerName"]
        if is_number(spec.get("version")):
            named["version"] = spec["version"]
    return named


def _build_record(
    manifest: Mapping[str, Any], status: ObjectStatus, problem: Problem | None
) -> LayerRecord:
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
        spec_problem=problem,
        status=status,
    )


def _is_name(content: Code | None) -> bool:
    """Whether it only names a package or an object of S3; a URL may be a credential."""
    return isinstance(content, UploadedPackage | S3Package)


def find_layer_problem(record: LayerRecord, claimants: Sequence[LayerRecord]) -> Problem | None:
    """Why functions cannot use this object, if so.

    ``claimants`` are all objects that claim to be this layer version, the rightful one first.
    """
    if record.spec_problem is not None:
        return record.spec_problem
    rightful = claimants[0] if claimants else record
    if rightful.uid == record.uid:
        return None
    return Problem(
        Reason.DUPLICATE_LAYER_VERSION,
        f"{record.layer.reference} is the LambdaLayer {rightful.key[1]!r} of this namespace "
        "already; choose another version, or delete that object",
    )


def resolve_layers(layers: Sequence[Layer], known: Mapping[Reference, Layer]) -> tuple[Layer, ...]:
    """Each of ``layers`` as it is in ``known``; else as the function's status remembers it."""
    return tuple(known.get((layer.name, layer.version), layer) for layer in layers)
