"""The kinds of PATCH that controllers send.

Contract: pure; the object that is passed in is not changed. Sources: RFC 7386 (merge patch),
RFC 6902 (JSON patch; ``add``, ``replace``, ``remove`` and ``test`` only), and strategic merge patch
for lists of named items.
"""

from collections.abc import Mapping
from typing import Any

from kubelambda.kube.api import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from kubelambda.kube.errors import InvalidError
from kubelambda.kube.memory.copies import copy_value

_ITEM_KEYS = {"containers": "name", "env": "name", "volumes": "name", "initContainers": "name"}


def patch(live: dict[str, Any], content: Any, content_type: str) -> dict[str, Any]:
    """``live`` after one PATCH; InvalidError if the API server would refuse it."""
    patched: dict[str, Any]
    if content_type == MERGE_PATCH:
        patched = _merge(copy_value(live), copy_value(content), by_name=False)
    elif content_type == STRATEGIC_PATCH:
        patched = _merge(copy_value(live), copy_value(content), by_name=True)
    elif content_type == JSON_PATCH:
        patched = copy_value(live)
        for operation in content:
            _carry_out(patched, operation)
    else:
        raise InvalidError(f"no such kind of patch: {content_type}", status=415)
    return patched


def _merge(live: Any, content: Any, *, by_name: bool, name: str = "") -> Any:
    if isinstance(content, list) and by_name and name in _ITEM_KEYS and isinstance(live, list):
        return _merge_items(live, content, _ITEM_KEYS[name])
    if not isinstance(content, Mapping):
        return content
    merged = dict(live) if isinstance(live, Mapping) else {}
    for key, value in content.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value, by_name=by_name, name=key)
    return merged


def _merge_items(live: list[Any], content: list[Any], item_key: str) -> list[Any]:
    items = {item[item_key]: item for item in live}
    for item in content:
        items[item[item_key]] = _merge(items.get(item[item_key]), item, by_name=True)
    return list(items.values())


def _carry_out(document: dict[str, Any], operation: Mapping[str, Any]) -> None:
    *parents, last = [
        part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
    ]
    node: Any = document
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node.get(part)
        if node is None:
            raise InvalidError(f"{operation['path']} does not exist", status=422, reason="Invalid")
    key: Any = int(last) if isinstance(node, list) and last != "-" else last
    verb, value = operation["op"], copy_value(operation.get("value"))
    if verb == "test":
        if node[key] != value:
            raise InvalidError(f"{operation['path']} differs", status=422, reason="Invalid")
    elif verb == "remove" or (verb == "replace" and key not in node and not isinstance(node, list)):
        if isinstance(node, dict) and key not in node:
            raise InvalidError(f"{operation['path']} does not exist", status=422, reason="Invalid")
        del node[key]
    elif verb == "add" and isinstance(node, list):
        node.insert(len(node) if key == "-" else key, value)
    else:
        node[key] = value
