"""The driver of local mode: one SQLite file.

Contract: ``objects.port.Objects``. A write returns after the fsync of its transaction
(``stores.sqlite_thread``), so what was answered survives ``kill -9``. One process at a time;
any number of watchers in it, which are told of every change whoever made it and whether or not he
waited for the answer. The history is kept for the last CHANGES_MAX changes. Only the file's owner
can read it: it may hold Secrets.
"""

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kubelambda.core.asynchronous.queue import QueueUnavailableError
from kubelambda.core.model.moments import format_moment
from kubelambda.objects import records
from kubelambda.objects.errors import (
    AlreadyExistsError,
    ExpiredError,
    NotFoundError,
    ObjectsError,
    UnavailableError,
)
from kubelambda.objects.identity import find_kind, identify, require_status, require_version
from kubelambda.objects.port import Event, Manifest, Page
from kubelambda.objects.records import Key
from kubelambda.objects.writes import (
    build_new,
    build_status_updated,
    build_updated,
    check_identity,
)
from kubelambda.stores.sqlite_thread import SqliteThread

CHANGES_MAX = 2_000
PAGE_ITEMS = 100
ResultT = TypeVar("ResultT")
Build = Callable[[Manifest], Manifest]
"""From the object that is there to what a write makes of it; raises what refuses the write."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """The outcome of an operation for its caller alone."""

    error: ObjectsError


class SqliteObjects:
    """Open with ``open``; ``clock`` tells seconds since 1970."""

    def __init__(
        self, path: Path, clock: Callable[[], float], *, changes_max: int = CHANGES_MAX
    ) -> None:
        self._path = path
        self._thread = SqliteThread(path, records.prepare)
        self._clock = clock
        self._changes_max = changes_max
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._closed = False

    async def open(self) -> None:
        """Make or take up the file; UnavailableError if that cannot be done."""
        try:
            await asyncio.to_thread(self._path.touch, 0o600)
            await self._thread.start()
        except (OSError, QueueUnavailableError) as error:
            raise UnavailableError(str(error)) from error

    async def close(self) -> None:
        """Write what was asked for, end the watches, and close the file."""
        self._closed = True
        self._wake()
        await self._thread.close()

    async def get(self, kind: str, namespace: str | None, name: str) -> Manifest:
        """The object."""
        key = (find_kind(kind).name, namespace or "", name)
        return await self._run(lambda connection: _get(connection, key))

    async def list_pages(self, kind: str, namespace: str | None = None) -> AsyncIterator[Page]:
        """All objects, as of one moment."""
        name = find_kind(kind).name
        found, version = await self._run(
            lambda connection: records.find_all(connection, name, namespace)
        )
        yield Page(found[:PAGE_ITEMS], version)
        for start in range(PAGE_ITEMS, len(found), PAGE_ITEMS):
            yield Page(found[start : start + PAGE_ITEMS], version)

    async def watch(self, kind: str, namespace: str | None, since: str) -> AsyncIterator[Event]:
        """The changes after the version ``since``, until ``close``."""
        name, taken = find_kind(kind).name, _read_version(since)
        while not self._closed:
            changed = self._changed
            changes = await self._list_changes(name, namespace, taken)
            if changes.is_expired:
                raise ExpiredError(f"too old resource version: {since}; list again")
            taken = changes.newest
            for event in changes.events:
                yield event
            if not changes.events:
                await changed.wait()

    async def create(self, manifest: Manifest) -> Manifest:
        """The object as it is kept."""
        kind, namespace, name = identify(manifest)
        key, now = (kind.name, namespace or "", name), self._format_now()

        def insert(connection: sqlite3.Connection) -> Manifest:
            made = build_new(kind, namespace, manifest, uid=str(uuid.uuid4()), now=now)
            if records.find(connection, key) is not None:
                raise AlreadyExistsError(f"{kind.plural} {name!r} already exists")
            kept = records.put(connection, key, made, "ADDED")
            self._tidy(connection, kept, now)
            return kept

        return await self._run(insert)

    async def update(self, manifest: Manifest) -> Manifest:
        """Replace everything but the status."""
        kind, namespace, name = identify(manifest)
        require_version(kind, manifest)
        key = (kind.name, namespace or "", name)
        return await self._write(key, lambda live: build_updated(kind, live, manifest))

    async def update_status(self, manifest: Manifest) -> Manifest:
        """Replace the status."""
        kind, namespace, name = identify(manifest)
        require_version(kind, manifest)
        require_status(kind)
        key = (kind.name, namespace or "", name)
        return await self._write(key, lambda live: build_status_updated(kind, live, manifest))

    async def delete(
        self, kind: str, namespace: str | None, name: str, *, uid: str = "", version: str = ""
    ) -> None:
        """Delete the object, and what it owns with it."""
        key, now = (find_kind(kind).name, namespace or "", name), self._format_now()

        def take_away(connection: sqlite3.Connection) -> None:
            live = _get(connection, key)
            check_identity(live, {"uid": uid, "resourceVersion": version})
            records.remove(connection, live, now)
            self._tidy(connection, None, now)

        await self._run(take_away)

    async def compact(self) -> None:
        """Forget the history: a watch can only begin from a new list."""
        await self._run(lambda connection: records.forget(connection, 0))

    async def _write(self, key: Key, build: Build) -> Manifest:
        now = self._format_now()

        def replace(connection: sqlite3.Connection) -> Manifest:
            live = _get(connection, key)
            built = build(live)
            if built == live:
                return live
            kept = records.put(connection, key, built, "MODIFIED")
            self._tidy(connection, kept, now)
            return kept

        return await self._run(replace)

    def _tidy(self, connection: sqlite3.Connection, kept: Manifest | None, now: str) -> None:
        """Within a write: collect garbage and forget old changes; the watchers are told."""
        if kept is not None:
            is_over = "deletionTimestamp" in kept["metadata"] and not kept["metadata"].get(
                "finalizers"
            )
            if is_over or records.is_orphan(connection, kept):
                records.remove(connection, kept, now)
        records.forget(connection, self._changes_max)
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        """A watcher reads behind the write: the thread takes one after the other."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _list_changes(self, kind: str, namespace: str | None, since: int) -> records.Changes:
        return await self._run(
            lambda connection: records.list_changes(connection, kind, namespace, since)
        )

    async def _run(self, operation: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """What ``operation`` returns or raises, once its transaction is durable."""

        def attempt(connection: sqlite3.Connection) -> ResultT | _Refused:
            try:
                return operation(connection)
            except ObjectsError as error:  # nothing has been written before it
                return _Refused(error)

        try:
            outcome = await self._thread.run(attempt)
        except QueueUnavailableError as error:
            raise UnavailableError(str(error)) from error
        if isinstance(outcome, _Refused):
            raise outcome.error
        return outcome

    def _format_now(self) -> str:
        return format_moment(self._clock())


def _get(connection: sqlite3.Connection, key: Key) -> Manifest:
    found = records.find(connection, key)
    if found is None:
        raise NotFoundError(f"{find_kind(key[0]).plural} {key[2]!r} not found")
    return found


def _read_version(since: str) -> int:
    try:
        return int(since)
    except ValueError as error:
        raise ExpiredError(f"{since!r} is no resource version of this store") from error
