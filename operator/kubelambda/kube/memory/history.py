"""What has happened in a cluster in memory, for watches that begin at a version.

Contract: lives on one event loop; no I/O. The oldest changes are forgotten; whoever asks for what
came before them gets ExpiredError, as after a compaction of etcd.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from kubelambda.kube.api import WatchEvent
from kubelambda.kube.errors import ExpiredError
from kubelambda.kube.memory.copies import copy_value
from kubelambda.kube.memory.watches import Event
from kubelambda.kube.paths import Resource

CHANGES_MAX = 2_000


class History:
    """The last changes of all objects, in their order."""

    def __init__(self) -> None:
        self._changes: deque[tuple[int, Event]] = deque(maxlen=CHANGES_MAX)
        self._forgotten = 0
        """The newest version of which the change is not known any more."""
        self._grown: asyncio.Event | None = None

    def note(self, event: Event) -> None:
        """Remember what has just happened."""
        if len(self._changes) == CHANGES_MAX:
            self._forgotten = self._changes[0][0]
        self._changes.append((int(event.manifest["metadata"]["resourceVersion"]), event))
        if self._grown is not None:
            self._grown.set()
            self._grown = None

    def compact(self) -> None:
        """Forget everything."""
        if self._changes:
            self._forgotten = self._changes[-1][0]
        self._changes.clear()

    async def follow(
        self, resource: Resource, namespace: str | None, since: str
    ) -> AsyncIterator[WatchEvent]:
        """What came and comes after the version ``since``."""
        taken = int(since)
        while True:
            if taken < self._forgotten:
                raise ExpiredError(f"too old resource version: {since}", status=410)
            self._grown = self._grown or asyncio.Event()
            grown, found = self._grown, [one for one in self._changes if one[0] > taken]
            for version, event in found:
                taken = version
                place = event.manifest["metadata"].get("namespace")
                if event.resource == resource and namespace in (None, place):
                    yield WatchEvent(event.type, copy_value(event.manifest))
            if not found:
                await grown.wait()
