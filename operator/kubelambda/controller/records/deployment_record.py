"""What the controller remembers of each Deployment that it has made.

Contract: pure. The parts in which drift is looked for are kept packed; the rest is dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.controller.records import packing
from kubelambda.controller.records.field_managers import has_foreign_replicas, list_foreign_fields
from kubelambda.controller.records.keys import Key
from kubelambda.kube.resources import labels


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """The Deployment of one revision; ``packed`` holds its labels, owner references and spec."""

    key: Key
    uid: str
    version: str
    function_uid: str
    """From its selector, which nobody can change."""
    revision: str
    replicas: int
    failure: str
    """What the API server says to its ReplicaSet, which cannot create pods; else empty."""
    packed: bytes = field(repr=False)
    foreign: tuple[str, ...] = ()
    """Fields of its spec that somebody else has written."""
    digest: str = ""
    """Of everything that is packed, the replicas excepted."""
    has_foreign_replicas: bool = False
    """Somebody else was the last to set the replicas."""

    def unpack(self) -> dict[str, Any]:
        """Labels, owner references and spec, in which drift is looked for."""
        return packing.unpack(self.packed)


def read_deployment(manifest: Mapping[str, Any]) -> DeploymentRecord:
    """The record of a Deployment that carries our labels."""
    metadata, spec = manifest["metadata"], manifest["spec"]
    selector = spec["selector"].get("matchLabels") or {}
    without_replicas = {key: value for key, value in spec.items() if key != "replicas"}
    own = packing.pick_metadata(metadata)
    return DeploymentRecord(
        key=(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        function_uid=selector.get(labels.FUNCTION_UID, ""),
        revision=selector.get(labels.REVISION, ""),
        replicas=spec.get("replicas", 1),
        failure=_find_failure(manifest.get("status") or {}),
        packed=packing.pack({"metadata": own, "spec": spec}),
        foreign=list_foreign_fields(metadata),
        digest=packing.compute_digest({"metadata": own, "spec": without_replicas}),
        has_foreign_replicas=has_foreign_replicas(metadata),
    )


def _find_failure(status: Mapping[str, Any]) -> str:
    failures = [
        condition.get("message", "")
        for condition in status.get("conditions") or []
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True"
    ]
    return failures[0] if failures else ""
