"""What kubectl asks before anything else: which groups and resources there are.

Contract: pure.
"""

from typing import Any

from kubelambda.api.kinds import GROUP, VERSION, Kind
from kubelambda.local.applied_objects import LOCAL_KINDS

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
_GROUP_VERSION = {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}


def find_discovery(path: bytes) -> dict[str, Any] | None:
    """The document at ``path``; None if that is no such path."""
    if path == b"/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == b"/apis":
        group = {"name": GROUP, "versions": [_GROUP_VERSION], "preferredVersion": _GROUP_VERSION}
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}
    if path == b"/api/v1":
        return _list_resources("v1")
    if path == f"/apis/{GROUP}/{VERSION}".encode():
        return _list_resources(f"{GROUP}/{VERSION}")
    return None


def _list_resources(api_version: str) -> dict[str, Any]:
    resources = [_describe(kind) for kind in LOCAL_KINDS if kind.api_version == api_version]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version,
        "resources": resources,
    }


def _describe(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.is_namespaced,
        "kind": kind.name,
        "verbs": _VERBS,
        "shortNames": [kind.short_name],
        "categories": list(kind.categories),
    }
