"""Under which names the controller writes, and which fields others have written since.

Contract: pure. The API server says in ``managedFields`` who wrote which field last. What it adds
itself when an object is created (defaults, admission webhooks) counts as written by whoever sent
the request, so it is not taken for somebody's change.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

APPLY_MANAGER = "kubelambda"
"""Of what is kept as it should be, and of status."""

SCALE_MANAGER = "kubelambda-scaler"
"""Of what is created, and of replicas."""

_OURS = (APPLY_MANAGER, SCALE_MANAGER)

_REPLICAS = ("f:replicas",)


def list_foreign_fields(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths below ``spec``, replicas aside, that somebody else has written."""
    paths: set[str] = set()
    for entry in metadata.get("managedFields") or ():
        if entry.get("manager") in _OURS or entry.get("subresource"):
            continue
        tree = (entry.get("fieldsV1") or {}).get("f:spec") or {}
        paths.update(".".join(path) for path in _list_leaves(tree) if path != _REPLICAS)
    return tuple(sorted(paths))


def has_foreign_replicas(metadata: Mapping[str, Any]) -> bool:
    """Whether somebody else has set ``spec.replicas`` last, by an edit or by ``kubectl scale``."""
    return any(
        "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        for entry in metadata.get("managedFields") or ()
        if entry.get("manager") not in _OURS
    )


def _list_leaves(tree: Mapping[str, Any], path: Sequence[str] = ()) -> Iterator[tuple[str, ...]]:
    for segment, below in tree.items():
        if below:
            yield from _list_leaves(below, (*path, segment))
        else:
            yield (*path, segment)
