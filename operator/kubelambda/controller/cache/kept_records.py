"""What the controller remembers of the objects that it keeps as they should be, whoever edits them.

Contract: pure. What drift is looked for in is packed; everything else is gone from memory at once.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.controller.cache.records import Key
from kubelambda.controller.function.field_managers import has_foreign_replicas, list_foreign_fields
from kubelambda.kube.resources import labels


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """One revision's Deployment; ``packed`` is its compressed metadata.labels, owners and spec."""

    key: Key
    uid: str
    version: str
    function_uid: str
    """As the selector has it, which nobody can change."""
    revision: str
    replicas: int
    failure: str
    packed: bytes = field(repr=False)
    foreign: tuple[str, ...] = ()
    """Fields of its spec that somebody else has written."""
    digest: str = ""
    """Of all that is kept as it should be: everything that is packed, but for the replicas."""
    has_foreign_replicas: bool = False
    """Somebody else has set the replicas last."""

    def unpack(self) -> dict[str, Any]:
        """What drift is looked for in."""
        unpacked: dict[str, Any] = json.loads(zlib.decompress(self.packed))
        return unpacked


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """The NetworkPolicy of one namespace."""

    key: Key
    uid: str
    version: str
    packed: bytes = field(repr=False)
    foreign: tuple[str, ...] = ()
    """Fields of its spec that somebody else has written."""
    digest: str = ""
    """Of everything that is packed."""

    def unpack(self) -> dict[str, Any]:
        """What drift is looked for in."""
        unpacked: dict[str, Any] = json.loads(zlib.decompress(self.packed))
        return unpacked


def read_deployment(manifest: Mapping[str, Any]) -> DeploymentRecord:
    """The record of a Deployment that carries our labels."""
    metadata, spec = manifest["metadata"], manifest["spec"]
    selector = spec["selector"].get("matchLabels") or {}
    conditions = (manifest.get("status") or {}).get("conditions") or []
    failures = [
        one.get("message", "")
        for one in conditions
        if one["type"] == "ReplicaFailure" and one["status"] == "True"
    ]
    kept = {key: value for key, value in spec.items() if key != "replicas"}
    own = _pick_metadata(metadata)
    return DeploymentRecord(
        key=(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        function_uid=selector.get(labels.FUNCTION_UID, ""),
        revision=selector.get(labels.REVISION, ""),
        replicas=spec.get("replicas", 1),
        failure=failures[0] if failures else "",
        packed=_pack({"metadata": own, "spec": spec}),
        foreign=list_foreign_fields(metadata),
        digest=_digest({"metadata": own, "spec": kept}),
        has_foreign_replicas=has_foreign_replicas(metadata),
    )


def read_policy(manifest: Mapping[str, Any]) -> PolicyRecord:
    """The record of a NetworkPolicy."""
    metadata = manifest["metadata"]
    kept = {"metadata": _pick_metadata(metadata), "spec": manifest["spec"]}
    return PolicyRecord(
        key=(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        packed=_pack(kept),
        foreign=list_foreign_fields(metadata),
        digest=_digest(kept),
    )


def _pick_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {key: metadata[key] for key in ("labels", "ownerReferences") if key in metadata}


def _pack(content: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)


def _digest(content: Mapping[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
