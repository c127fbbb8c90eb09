"""Field ownership, as server-side apply keeps it.

Contract: pure. A path is a tuple of segments as ``managedFields`` writes them: ``f:<key>`` for a
key of a map, ``k:<keys>`` for an item of a list whose items are told apart by some of their keys.
Every other list is one value. Only leaves have owners. Source: "Server-Side Apply" of the
Kubernetes documentation.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Path = tuple[str, ...]
Leaves = dict[Path, Any]

_LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_UNOWNED = ("apiVersion", "kind")
_UNOWNED_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "generateName",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
)


def list_leaves(manifest: Mapping[str, Any]) -> Leaves:
    """Every field of ``manifest`` that can have an owner, with its value."""
    owned = {key: value for key, value in manifest.items() if key not in _UNOWNED}
    metadata = owned.pop("metadata", None) or {}
    leaves: Leaves = {}
    kept = {key: value for key, value in metadata.items() if key not in _UNOWNED_METADATA}
    for key, value in kept.items():
        _collect(value, key, ("f:metadata", f"f:{key}"), leaves)
    for key, value in owned.items():
        _collect(value, key, (f"f:{key}",), leaves)
    return leaves


def merge_applied(live: Any, applied: Any, name: str = "") -> Any:
    """``live`` with every field of ``applied`` in it."""
    if isinstance(live, Mapping) and isinstance(applied, Mapping):
        merged = dict(live)
        for key, value in applied.items():
            merged[key] = merge_applied(live.get(key), value, key)
        return merged
    if _is_map_list(live, name) and _is_map_list(applied, name):
        items = {_item_segment(item, name): item for item in live}
        for item in applied:
            segment = _item_segment(item, name)
            items[segment] = merge_applied(items.get(segment), item)
        return list(items.values())
    return applied


def remove_paths(manifest: dict[str, Any], paths: Iterable[Path]) -> None:
    """Remove the leaves at ``paths`` from ``manifest``, and items and maps that this empties."""
    for path in paths:
        _remove(manifest, path)


def build_tree(paths: Iterable[Path]) -> dict[str, Any]:
    """``paths`` as ``fieldsV1`` writes them."""
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        node = tree
        for segment in path:
            node = node.setdefault(segment, {})
    return tree


def _collect(value: Any, name: str, path: Path, leaves: Leaves) -> None:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            _collect(item, key, (*path, f"f:{key}"), leaves)
    elif _is_map_list(value, name) and value:
        for item in value:
            segment = _item_segment(item, name)
            for key, part in item.items():
                _collect(part, key, (*path, segment, f"f:{key}"), leaves)
    else:
        leaves[path] = value


def _is_map_list(value: Any, name: str) -> bool:
    keys = _LIST_KEYS.get(name)
    if keys is None or not isinstance(value, Sequence) or isinstance(value, str):
        return False
    return all(isinstance(item, Mapping) and all(key in item for key in keys) for item in value)


def _item_segment(item: Mapping[str, Any], name: str) -> str:
    keys = {key: item[key] for key in _LIST_KEYS[name]}
    return f"k:{json.dumps(keys, separators=(',', ':'))}"


def _remove(node: Any, path: Path, name: str = "") -> bool:
    """Remove what is at ``path``; True if nothing is left of ``node`` then."""
    head, rest = path[0], path[1:]
    if head.startswith("k:"):
        item = next((child for child in node if _item_segment(child, name) == head), None)
        if item is not None and _remove(item, rest):
            node.remove(item)
        return not node
    key = head[2:]
    if isinstance(node, dict) and key in node and (not rest or _remove(node[key], rest, key)):
        del node[key]
    return not node
