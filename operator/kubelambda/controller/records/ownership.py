"""Objects that belong to a LambdaFunction: metadata of versions and aliases, and who owns them.

Contract: pure. The name before the dot says which function. An object that belongs to a function of
that name which was deleted is about to be deleted, too, and belongs to no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.controller.records.keys import Key
from kubelambda.kube.paths import FUNCTIONS


@dataclass(frozen=True, slots=True)
class Owned:
    """Metadata of one such object."""

    key: Key
    uid: str
    version: str
    generation: int
    created: str
    deleting: bool
    function_uid: str
    """Of the LambdaFunction that owns it; empty if none does yet."""
    owners: tuple[Mapping[str, Any], ...] = field(repr=False)
    """All its owner references."""

    @property
    def function_key(self) -> Key:
        """Namespace and name of its function."""
        return (self.key[0], self.key[1].partition(".")[0])


def read_owned(manifest: Mapping[str, Any]) -> Owned:
    """The metadata of a LambdaVersion or a LambdaAlias."""
    metadata = manifest["metadata"]
    owners = tuple(metadata.get("ownerReferences") or ())
    return Owned(
        key=(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        generation=metadata.get("generation", 0),
        created=metadata.get("creationTimestamp", ""),
        deleting="deletionTimestamp" in metadata,
        function_uid=next(
            (str(owner["uid"]) for owner in owners if owner["kind"] == FUNCTIONS.kind), ""
        ),
        owners=owners,
    )


def build_function_owner(function: str, uid: str) -> dict[str, Any]:
    """The owner reference of what belongs to the LambdaFunction of this name and uid."""
    return {
        "apiVersion": FUNCTIONS.api_version,
        "kind": FUNCTIONS.kind,
        "name": function,
        "uid": uid,
        "blockOwnerDeletion": False,
    }


def build_owners(owned: Owned, function_uid: str) -> list[Mapping[str, Any]]:
    """Its owner references with that to its function, which it has not got yet."""
    return [*owned.owners, build_function_owner(owned.function_key[1], function_uid)]
