"""The drivers under test, each with a namespace of its own and what a case may do to it."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kubelambda.kube.memory import MemoryApi
from kubelambda.objects.kubernetes import KubernetesObjects
from kubelambda.objects.port import Manifest, Objects
from kubelambda.objects.sqlite import SqliteObjects

COLLECTED_S = 60.0
"""How long a real garbage collector may take."""


@dataclass
class Store:
    """One driver."""

    objects: Objects
    namespace: str

    async def collect_garbage(self) -> None:
        """Let the garbage collector do its work, where it is no part of the driver."""

    async def compact(self) -> bool:
        """Forget the history; False if that cannot be asked for."""
        return False

    async def wait_gone(self, kind: str, name: str) -> bool:
        """Whether the object goes, in the time that a garbage collector may take."""
        await self.collect_garbage()
        loop = asyncio.get_running_loop()
        end = loop.time() + COLLECTED_S
        while name in await self.list_names(kind):
            if loop.time() > end:
                return False
            await asyncio.sleep(0.1)
        return True

    async def list_names(self, kind: str) -> list[str]:
        return [
            manifest["metadata"]["name"]
            async for page in self.objects.list_pages(kind, self.namespace)
            for manifest in page.items
        ]

    async def watch(self, kind: str, since: str, count: int) -> list[tuple[str, Manifest]]:
        """The next ``count`` events after ``since``."""
        events: list[tuple[str, Manifest]] = []
        watched = self.objects.watch(kind, self.namespace, since)
        async for event in watched:
            events.append((event.type, event.manifest))
            if len(events) == count:
                break
        await watched.aclose()  # type: ignore[attr-defined]  # all drivers are generators
        return events


@dataclass
class MemoryStore(Store):
    """The Kubernetes driver over the API server in memory."""

    api: MemoryApi

    async def collect_garbage(self) -> None:
        self.api.collect_garbage()

    async def compact(self) -> bool:
        self.api.compact()
        return True


@dataclass
class SqliteStore(Store):
    """The SQLite driver."""

    sqlite: SqliteObjects

    async def compact(self) -> bool:
        await self.sqlite.compact()
        return True


def make_memory_store(namespace: str = "apps") -> MemoryStore:
    api = MemoryApi()
    api.hold_schemas()
    return MemoryStore(KubernetesObjects(api), namespace, api)


@asynccontextmanager
async def open_sqlite_store(path: Path, namespace: str = "apps") -> AsyncIterator[SqliteStore]:
    ticks = itertools.count(1_767_225_600)
    objects = SqliteObjects(path, lambda: float(next(ticks)))
    await objects.open()
    try:
        yield SqliteStore(objects, namespace, objects)
    finally:
        await objects.close()
