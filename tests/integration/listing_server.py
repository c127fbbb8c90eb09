"""An API server that keeps objects and every version of them, and answers lists of any version.

Contract: what ``catalog.cluster_names`` needs: pages, ``resourceVersionMatch=Exact``, and 410 for a
version that is forgotten.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import web

Key = tuple[str, str, str]
"""Plural, namespace and name."""


class ListingServer:
    """Objects by plural, namespace and name; each ``put`` and ``remove`` is one version."""

    def __init__(self) -> None:
        self._versions: list[dict[Key, dict[str, Any]]] = [{}]
        self.oldest = 0
        """Versions before this one are forgotten."""
        self.statuses: dict[str, int] = {}
        """By plural, what lists of it are answered with in place of an answer."""
        self.lists: list[tuple[str, dict[str, str]]] = []
        """Plural and query of each list."""
        self.ignores_version = False
        """Whether lists are always of the newest version."""
        self.on_list: Callable[[], None] = lambda: None
        """Called after each list."""

    def put(self, plural: str, name: str, namespace: str = "shop", **parts: Any) -> None:
        """``parts`` are spec and status."""
        metadata = {"name": name, "namespace": namespace, "uid": name}
        self._add(
            {**self._versions[-1], (plural, namespace, name): {"metadata": metadata, **parts}}
        )

    def remove(self, plural: str, name: str, namespace: str = "shop") -> None:
        left = dict(self._versions[-1])
        del left[plural, namespace, name]
        self._add(left)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        *_, plural = request.path.split("/")
        namespace = request.path.split("/")[5] if "/namespaces/" in request.path else None
        query = dict(request.query)
        self.lists.append((plural, query))
        if plural in self.statuses:
            return web.Response(status=self.statuses[plural])
        version, start = len(self._versions) - 1, 0
        if "continue" in query:
            version, start = map(int, query["continue"].split("/"))
        elif query.get("resourceVersionMatch") == "Exact" and not self.ignores_version:
            version = int(query["resourceVersion"])
        if version < self.oldest:
            return web.Response(status=410)
        found = [
            one
            for (kind, place, _), one in sorted(self._versions[version].items())
            if kind == plural and namespace in (None, place)
        ]
        end = start + int(query["limit"])
        metadata = {"resourceVersion": str(version)}
        if end < len(found):
            metadata["continue"] = f"{version}/{end}"
        self.on_list()
        return web.json_response({"metadata": metadata, "items": found[start:end]})

    def _add(self, objects: dict[Key, dict[str, Any]]) -> None:
        self._versions.append(objects)
