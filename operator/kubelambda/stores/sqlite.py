"""The queue of local mode: one SQLite file.

Contract: ``core.asynchronous.queue.Queue``. A publish returns after the fsync of its transaction
(``sqlite_thread``). Records are read as bytes: a text that is not UTF-8 would be an error of the
whole query.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kubelambda.core.asynchronous.queue import (
    DEDUPLICATION_S,
    LEASE_S,
    LETTER_VERSION,
    DeadLetter,
    Lease,
    QueuedEvent,
    UnreadableEventError,
    decode_event,
    decode_letter,
    encode_header,
    plan_unreadable_delay_s,
)
from kubelambda.stores.sqlite_thread import SqliteThread
from kubelambda.stores.unreadable import UnreadableRecords

_POLL_S = 0.25
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, header TEXT NOT NULL, payload BLOB NOT NULL,
    due_at REAL NOT NULL, token INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS events_by_due ON events (due_at);
CREATE TABLE IF NOT EXISTS published (message_id TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS dead (
    number INTEGER PRIMARY KEY, message_id TEXT NOT NULL UNIQUE, header TEXT NOT NULL,
    payload BLOB NOT NULL, condition TEXT NOT NULL, detail TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1);
"""
_ADD_VERSION = "ALTER TABLE dead ADD COLUMN version INTEGER NOT NULL DEFAULT 1"
"""Files of releases up to 6b2581d lack it; those releases name the columns that they write."""


class SqliteQueue:
    """Open with ``open``; one process at a time."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float],
        *,
        lease_s: float = LEASE_S,
        on_unreadable: Callable[[], None] | None = None,
    ) -> None:
        self._thread = SqliteThread(path, _prepare)
        self._clock = clock
        self._lease_s = lease_s
        self._unreadable = UnreadableRecords(on_unreadable)
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()

    async def open(self) -> None:
        """Make or take up the file; QueueUnavailableError if that cannot be done."""
        await self._thread.start()

    async def publish(self, event: QueuedEvent) -> None:
        """Keep ``event``."""
        now = self._clock()

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM published WHERE at <= ?", (now - DEDUPLICATION_S,))
            done = connection.execute(
                "INSERT OR IGNORE INTO published VALUES (?, ?)", (event.message_id, now)
            )
            if done.rowcount:
                connection.execute(
                    "INSERT INTO events (header, payload, due_at) VALUES (?, ?, ?)",
                    (encode_header(event), event.payload, event.due_at),
                )

        await self._thread.run(insert)
        self._arrived.set()

    async def lease(self, limit: int, wait_s: float) -> Sequence[Lease]:
        """Up to ``limit`` events that are due."""
        end = self._loop.time() + wait_s
        while True:
            self._arrived.clear()
            rows = await self._thread.run(lambda connection: self._take(connection, limit))
            leases = await self._read(rows)
            left_s = end - self._loop.time()
            if leases or left_s <= 0:
                return leases
            if rows:
                continue  # none of them can be read; there may be others
            try:
                async with asyncio.timeout(min(left_s, _POLL_S)):
                    await self._arrived.wait()
            except TimeoutError:
                pass

    async def extend(self, lease: Lease) -> None:
        """Hold it for LEASE_S more."""
        await self._set_due(lease, self._clock() + self._lease_s)

    async def ack(self, lease: Lease) -> None:
        """Remove the event, unless another lease holds it by now."""
        await self._thread.run(
            lambda connection: (
                connection.execute("DELETE FROM events WHERE number = ? AND token = ?", lease.token)
                and None
            )
        )

    async def release(self, lease: Lease) -> None:
        """Give it back."""
        await self._set_due(lease, 0.0)
        self._arrived.set()

    async def dead_letter(self, letter: DeadLetter) -> None:
        """Keep the dead letter, once for each message id."""
        event = letter.event
        row = (event.message_id, encode_header(event), event.payload)
        await self._thread.run(
            lambda connection: (
                connection.execute(
                    "INSERT OR IGNORE INTO dead "
                    "(message_id, header, payload, condition, detail, version) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (*row, letter.condition, letter.detail, LETTER_VERSION),
                )
                and None
            )
        )

    async def read_dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The oldest ones."""
        rows = await self._thread.run(
            lambda connection: connection.execute(
                "SELECT version, CAST(header AS BLOB), CAST(payload AS BLOB), condition, detail "
                "FROM dead ORDER BY number LIMIT ?",
                (limit,),
            ).fetchall()
        )
        letters = []
        for row in rows:
            try:
                letters.append(decode_letter(*row))
            except UnreadableEventError as error:
                self._unreadable.note(error)
        return letters

    async def close(self) -> None:
        """Write what was asked for, then close the file."""
        await self._thread.close()

    async def _set_due(self, lease: Lease, due_at: float) -> None:
        await self._thread.run(
            lambda connection: (
                connection.execute(
                    "UPDATE events SET due_at = ? WHERE number = ? AND token = ?",
                    (due_at, *lease.token),
                )
                and None
            )
        )

    def _take(self, connection: sqlite3.Connection, limit: int) -> list[tuple[Any, ...]]:
        now = self._clock()
        rows = connection.execute(
            "SELECT number, CAST(header AS BLOB), CAST(payload AS BLOB) FROM events "
            "WHERE due_at <= ? ORDER BY due_at, number LIMIT ?",
            (now, limit),
        ).fetchall()
        return [(*row, self._hold(connection, row[0], now)) for row in rows]

    def _hold(self, connection: sqlite3.Connection, number: int, now: float) -> int:
        (token,) = connection.execute(
            "UPDATE events SET due_at = ?, token = token + 1 WHERE number = ? RETURNING token",
            (now + self._lease_s, number),
        ).fetchone()
        return int(token)

    async def _read(self, rows: Sequence[tuple[Any, ...]]) -> list[Lease]:
        """Leases of the rows that were taken; a row that cannot be read is left for later (Q7)."""
        leases = []
        for number, header, payload, token in rows:
            try:
                leases.append(Lease(decode_event(header, payload), (number, token)))
            except UnreadableEventError as error:
                self._unreadable.note(error)
                await self._leave_alone(number, token - 1)
        return leases

    async def _leave_alone(self, number: int, looks: int) -> None:
        due_at = self._clock() + plan_unreadable_delay_s(looks)
        await self._thread.run(
            lambda connection: (
                connection.execute(
                    "UPDATE events SET due_at = ? WHERE number = ?", (due_at, number)
                )
                and None
            )
        )


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables that are missing."""
    connection.executescript(_SCHEMA)
    columns = {row[1] for row in connection.execute("PRAGMA table_info(dead)")}
    if "version" not in columns:
        connection.execute(_ADD_VERSION)
