"""The field managers of the controller's writes, and which fields others have written since.

Contract: pure. The API server says in ``managedFields`` who wrote which field last. What it adds
itself when an object is created (defaults, admission webhooks) counts as written by whoever sent
the request, so it is not taken for somebody's change.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

APPLY_MANAGER = "kubelambda"
"""Writes the objects that are kept as they should be, and status."""
SCALE_MANAGER = "kubelambda-scaler"
"""Creates objects, and writes replicas."""
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
    """Whether somebody else was the last to set ``spec.replicas``, such as ``kubectl scale``."""
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
