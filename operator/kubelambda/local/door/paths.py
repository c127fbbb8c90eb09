"""Paths of the door: which objects a request means.

Contract: pure. The paths are those of an API server (``kube.paths``), of the kinds that local mode
keeps.
"""

from dataclasses import dataclass
from urllib.parse import unquote

from kubelambda.api.kinds import KINDS, Kind
from kubelambda.local.applied_objects import LOCAL_KINDS

_ROOTS = (b"/api", b"/apis")


@dataclass(frozen=True, slots=True)
class Target:
    """A collection (no name), an object, or its status."""

    kind: Kind
    namespace: str | None
    """None: of all namespaces."""
    name: str = ""
    subresource: str = ""


def is_of_door(path: bytes) -> bool:
    """Whether a request with this path is the door's."""
    return path in _ROOTS or path.startswith((b"/api/", b"/apis/"))


def parse_path(path: bytes) -> Target | None:
    """What is meant; None if there is nothing at this path."""
    parts = [unquote(part) for part in path.decode("latin-1").split("/")[1:]]
    if parts[0] == "api":
        group, version, rest = "", parts[1:2], parts[2:]
    else:
        group, version, rest = "".join(parts[1:2]), parts[2:3], parts[3:]
    namespace = None
    if len(rest) >= 3 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3 or not all((*version, *rest)) or namespace == "":
        return None
    for kind in LOCAL_KINDS:
        if (kind.group, [kind.version], kind.plural) == (group, version, rest[0]):
            return _build_target(kind, namespace, rest[1:])
    return None


def find_cluster_kind(path: bytes) -> Kind | None:
    """The kind of a path that only a cluster has."""
    word = path.decode("latin-1").rstrip("/").split("/")
    return next((kind for kind in KINDS if kind not in LOCAL_KINDS and kind.plural in word), None)


def _build_target(kind: Kind, namespace: str | None, rest: list[str]) -> Target | None:
    name, subresource = (*rest, "", "")[:2]
    if (name and namespace is None) or subresource not in ("", "status"):
        return None
    return Target(kind, namespace, name, subresource)
