"""What the controller remembers of the NetworkPolicy of each namespace.

Contract: pure. The parts in which drift is looked for are kept packed; the rest is dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.controller.records import packing
from kubelambda.controller.records.field_managers import list_foreign_fields
from kubelambda.controller.records.keys import Key


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
        """Labels, owner references and spec, in which drift is looked for."""
        return packing.unpack(self.packed)


def read_policy(manifest: Mapping[str, Any]) -> PolicyRecord:
    """The record of a NetworkPolicy."""
    metadata = manifest["metadata"]
    kept = {"metadata": packing.pick_metadata(metadata), "spec": manifest["spec"]}
    return PolicyRecord(
        key=(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        packed=packing.pack(kept),
        foreign=list_foreign_fields(metadata),
        digest=packing.compute_digest(kept),
    )
