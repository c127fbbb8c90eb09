"""``MemoryApi``: the requests of ``kube.api``, answered from memory."""

import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

from kubelambda.kube.api import MERGE_PATCH, Manifest, Page, WatchEvent
from kubelambda.kube.memory.cluster import MemoryCluster, update_by
from kubelambda.kube.memory.copies import copy_value
from kubelambda.kube.memory.objects import ObjectKey
from kubelambda.kube.memory.patches import patch
from kubelambda.kube.memory.requests import Call, RecordedRequests
from kubelambda.kube.memory.selectors import matches
from kubelambda.kube.paths import Resource


class MemoryApi(MemoryCluster, RecordedRequests):
    """The API server of a cluster in memory; ``clock`` tells seconds since 1970."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        MemoryCluster.__init__(self, clock)
        RecordedRequests.__init__(self)
        self._names = itertools.count(1)

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Manifest:
        """The object; NotFoundError if there is none."""
        key = (resource, namespace or "", name)
        return await self._answer(_call("get", key), lambda: self._objects.get(key))

    async def list_pages(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        page_items: int = 100,
        metadata_only: bool = False,
    ) -> AsyncIterator[list[Manifest]]:
        """All objects that match, a page at a time."""
        call = _call("list", (resource, namespace or "", ""))
        found = await self._answer(call, lambda: self._select(resource, namespace, label_selector))
        if metadata_only:
            found = [{"metadata": manifest["metadata"]} for manifest in found]
        yield found[:page_items]
        for start in range(page_items, len(found), page_items):
            await self._answer(call, lambda: None)
            yield found[start : start + page_items]

    async def read_page(
        self, resource: Resource, namespace: str | None, *, token: str = "", page_items: int = 100
    ) -> Page:
        """A page of a list; the token of the next one is its last object's place."""
        call = _call("list", (resource, namespace or "", ""))
        start = int(token or 0)

        def read() -> tuple[list[Manifest], str]:
            return self._select(resource, namespace, ""), self._objects.version

        found, version = await self._answer(call, read)
        end = start + page_items
        return Page(found[start:end], version, str(end) if end < len(found) else "")

    def watch(
        self, resource: Resource, namespace: str | None, since: str
    ) -> AsyncIterator[WatchEvent]:
        """What comes after the version ``since``; it never ends by itself."""
        return self._history.follow(resource, namespace, since)

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        manifest: Manifest,
        *,
        manager: str,
        strict: bool = False,  # nothing is ever dropped here
    ) -> Manifest:
        """POST; a generateName gets an end that is its own."""
        metadata = manifest["metadata"]
        name = metadata.get("name") or f"{metadata['generateName']}{next(self._names):05d}"
        key = (resource, namespace or "", name)
        return await self._answer(
            _call("create", key, manager, manifest),
            lambda: self._objects.create(key, manifest, update_by(manager)),
        )

    async def replace(
        self,
        resource: Resource,
        namespace: str | None,
        manifest: Manifest,
        *,
        subresource: str = "",
        strict: bool = False,  # nothing is ever dropped here
    ) -> Manifest:
        """PUT."""
        key = (resource, namespace or "", manifest["metadata"]["name"])

        def put() -> Manifest:
            self._check(key, manifest)
            return self._objects.update(key, manifest, ("kubelambda", "Update", subresource))

        call = _call("update", key, content=manifest, subresource=subresource)
        return await self._answer(call, put)

    async def apply(
        self, resource: Resource, namespace: str | None, manifest: Manifest, *, manager: str
    ) -> Manifest:
        """Server-side apply with force."""
        key = (resource, namespace or "", manifest["metadata"]["name"])
        return await self._answer(
            _call("apply", key, manager, manifest),
            lambda: self._objects.apply(key, manifest, manager),
        )

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        content: Manifest | list[Manifest],
        *,
        manager: str,
        subresource: str = "",
        content_type: str = MERGE_PATCH,
    ) -> Manifest:
        """PATCH of the object, or of its status, scale or resize."""
        key = (resource, namespace or "", name)

        def change() -> Manifest:
            live = self._objects.get(key)
            if isinstance(content, dict):
                self._check(key, content)
            patched = patch(live, content, content_type)
            self._check(key, patched)
            return self._objects.update(key, patched, (manager, "Update", subresource))

        call = _call("patch", key, manager, content, subresource)
        return await self._answer(call, change)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str,
        version: str = "",
    ) -> None:
        """DELETE; a pod on a node stays until ``remove``."""
        key = (resource, namespace or "", name)

        def go() -> None:
            self._objects.check(key, uid=uid, version=version)
            self._objects.delete(key, gracefully=True)

        await self._answer(_call("delete", key), go)

    def _select(
        self, resource: Resource, namespace: str | None, label_selector: str
    ) -> list[Manifest]:
        return [
            manifest
            for manifest in self.find_all(resource, namespace)
            if matches(label_selector, manifest["metadata"].get("labels") or {})
        ]

    def _check(self, key: ObjectKey, content: Manifest) -> None:
        metadata = content.get("metadata") or {}
        self._objects.check(
            key, uid=metadata.get("uid", ""), version=metadata.get("resourceVersion", "")
        )


def _call(
    verb: str, key: ObjectKey, manager: str = "", content: Any = None, subresource: str = ""
) -> Call:
    resource = f"{key[0].plural}/{subresource}" if subresource else key[0].plural
    return Call(verb, resource, key[1], key[2], manager, copy_value(content))
