"""What was applied to local mode, as it is served: a copy of the store that follows it.

Contract: lives on one event loop. ``on_change`` is called soon after each change of anything but a
status, once for many. The copy follows the store by lists and watches, so it does not matter who
writes there.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kubelambda.api.kinds import BY_NAME
from kubelambda.catalog.files import key_of
from kubelambda.catalog.loaded import DocumentKey
from kubelambda.objects.errors import ExpiredError
from kubelambda.objects.port import Change, Manifest, Objects, list_all
from kubelambda.process.supervisor import Supervisor

LOCAL_KINDS = tuple(kind for kind in BY_NAME.values() if kind.is_namespaced)
"""The kinds that local mode keeps: it uses this machine's runtimes, and no LambdaRuntimes."""
_SERVERS_OWN = ("resourceVersion", "managedFields")


class AppliedObjects:
    """The objects of all kinds that local mode keeps."""

    def __init__(
        self,
        objects: Objects,
        on_change: Callable[[], None],
        on_event: Callable[[Change, Manifest], None],
    ) -> None:
        """``on_event`` is called with each change at once, those of a status too."""
        self._objects = objects
        self._on_event = on_event
        self._on_change = on_change
        self._documents: dict[DocumentKey, Manifest] = {}
        self._versions: dict[str, str] = {}
        self._is_told = False

    def list_documents(self) -> list[Mapping[str, Any]]:
        """The objects, in an order that stays the same."""
        return [self._documents[key] for key in sorted(self._documents)]

    async def load(self) -> None:
        """Read everything that is there."""
        for kind in LOCAL_KINDS:
            await self._list(kind.name)

    def follow(self, supervisor: Supervisor) -> None:
        """Keep up with the store until ``supervisor`` is closed."""
        for kind in LOCAL_KINDS:
            follow = partial(self._follow, kind.name)
            supervisor.keep(f"the watch of applied {kind.plural}", follow)

    async def _list(self, kind: str) -> None:
        items, self._versions[kind] = await list_all(self._objects, kind)
        present = {key_of(item) for item in items}
        for key in [key for key in self._documents if key[0] == kind and key not in present]:
            self._on_event("DELETED", self._documents.pop(key))
        for item in items:
            self._documents[key_of(item)] = item
            self._on_event("MODIFIED", item)

    async def _follow(self, kind: str) -> None:
        """Ends when the store is closed."""
        try:
            async for event in self._objects.watch(kind, None, self._versions[kind]):
                self._versions[kind] = event.version
                self._take(event.type, event.manifest)
        except ExpiredError:
            await self._list(kind)
            self._tell()

    def _take(self, change: Change, manifest: Manifest) -> None:
        self._on_event(change, manifest)
        key = key_of(manifest)
        former = self._documents.get(key)
        if change == "DELETED" or "deletionTimestamp" in manifest["metadata"]:
            self._documents.pop(key, None)
        else:
            self._documents[key] = manifest
        if former is None or change == "DELETED" or _strip(former) != _strip(manifest):
            self._tell()

    def _tell(self) -> None:
        if not self._is_told:
            self._is_told = True
            asyncio.get_running_loop().call_soon(self._tell_now)

    def _tell_now(self) -> None:
        self._is_told = False
        self._on_change()


def _strip(manifest: Manifest) -> Manifest:
    """What is served of it."""
    metadata = {
        key: value for key, value in manifest["metadata"].items() if key not in _SERVERS_OWN
    }
    return {**manifest, "metadata": metadata, "status": None}
