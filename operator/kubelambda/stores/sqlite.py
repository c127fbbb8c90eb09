"""The queue of local mode: one SQLite file.

Contract: ``core.queue.Queue``. Durable in the sense of ``synchronous=FULL``: a publish returns
after the fsync of its transaction. All that is asked while a transaction is being written shares
the next one, so many publishes cost one fsync. Blocking calls stay in one thread of the driver's
own.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from kubelambda.core.queue import (
    DEDUPLICATION_S,
    LEASE_S,
    DeadLetter,
    Lease,
    QueuedEvent,
    QueueUnavailableError,
    decode_event,
    encode_header,
)

ResultT = TypeVar("ResultT")
Operation = Callable[[sqlite3.Connection], Any]

_POLL_S = 0.25
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, header TEXT NOT NULL, payload BLOB NOT NULL,
    due_at REAL NOT NULL, token INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS events_by_due ON events (due_at);
CREATE TABLE IF NOT EXISTS published (message_id TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS dead (
    number INTEGER PRIMARY KEY, message_id TEXT NOT NULL UNIQUE, header TEXT NOT NULL,
    payload BLOB NOT NULL, condition TEXT NOT NULL, detail TEXT NOT NULL);
"""


class SqliteQueue:
    """Open with ``open``; one process at a time."""

    def __init__(self, path: Path, clock: Callable[[], float], *, lease_s: float = LEASE_S) -> None:
        self._path = path
        self._clock = clock
        self._lease_s = lease_s
        self._wanted: SimpleQueue[tuple[Operation, asyncio.Future[Any]] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="sqlite-queue", daemon=True)
        self._arrived = asyncio.Event()
        self._closed = False

    async def open(self) -> None:
        """Make or take up the file; QueueUnavailableError where that cannot be done."""
        try:
            await asyncio.to_thread(lambda: _open(self._path).close())
        except sqlite3.Error as error:
            raise QueueUnavailableError(f"{self._path}: {error}") from error
        self._thread.start()
        await self._run(lambda connection: connection.execute("SELECT 1").fetchone())

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

        await self._run(insert)
        self._arrived.set()

    async def lease(self, limit: int, wait_s: float) -> Sequence[Lease]:
        """Up to ``limit`` events that are due."""
        end = self._loop.time() + wait_s
        while True:
            self._arrived.clear()
            leases = await self._run(lambda connection: self._take(connection, limit))
            left_s = end - self._loop.time()
            if leases or left_s <= 0:
                return leases
            try:
                async with asyncio.timeout(min(left_s, _POLL_S)):
                    await self._arrived.wait()
            except TimeoutError:
                pass

    async def extend(self, lease: Lease) -> None:
        """Hold it for LEASE_S more."""
        await self._set_due(lease, self._clock() + self._lease_s)

    async def ack(self, lease: Lease) -> None:
        """Take it out, unless somebody else holds it by now."""
        await self._run(
            lambda connection: (
                connection.execute("DELETE FROM events WHERE number = ? AND token = ?", lease.token)
                and None
            )
        )

    async def release(self, lease: Lease) -> None:
        """Give it back."""
        await self._set_due(lease, 0.0)
        self._arrived.set()

    async def bury(self, letter: DeadLetter) -> None:
        """Keep it among the dead ones, once for each message id."""
        event = letter.event
        row = (event.message_id, encode_header(event), event.payload)
        await self._run(
            lambda connection: (
                connection.execute(
                    "INSERT OR IGNORE INTO dead (message_id, header, payload, condition, detail) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (*row, letter.condition, letter.detail),
                )
                and None
            )
        )

    async def read_dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The oldest ones."""
        rows = await self._run(
            lambda connection: connection.execute(
                "SELECT header, payload, condition, detail FROM dead ORDER BY number LIMIT ?",
                (limit,),
            ).fetchall()
        )
        return [DeadLetter(decode_event(row[0], row[1]), row[2], row[3]) for row in rows]

    async def close(self) -> None:
        """Write what was asked for, then close the file."""
        if not self._closed:
            self._closed = True
            self._wanted.put(None)
            await asyncio.to_thread(self._thread.join)

    async def _set_due(self, lease: Lease, due_at: float) -> None:
        await self._run(
            lambda connection: (
                connection.execute(
                    "UPDATE events SET due_at = ? WHERE number = ? AND token = ?",
                    (due_at, *lease.token),
                )
                and None
            )
        )

    def _take(self, connection: sqlite3.Connection, limit: int) -> list[Lease]:
        now = self._clock()
        rows = connection.execute(
            "SELECT number, header, payload, token FROM events WHERE due_at <= ? "
            "ORDER BY due_at, number LIMIT ?",
            (now, limit),
        ).fetchall()
        for number, *_, token in rows:
            connection.execute(
                "UPDATE events SET due_at = ?, token = ? WHERE number = ?",
                (now + self._lease_s, token + 1, number),
            )
        return [
            Lease(decode_event(header, payload), (number, token + 1))
            for number, header, payload, token in rows
        ]

    async def _run(self, operation: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        if self._closed:
            raise QueueUnavailableError("the queue is closed")
        future: asyncio.Future[ResultT] = self._loop.create_future()
        self._wanted.put((operation, future))
        try:
            return await future
        except sqlite3.Error as error:
            raise QueueUnavailableError(f"{self._path.name}: {error}") from error

    def _work(self) -> None:
        """The driver's thread: gather what is asked for, write it in one transaction, answer."""
        connection = _open(self._path)
        last = False
        while not last:
            batch = [self._wanted.get()]
            while not self._wanted.empty():
                batch.append(self._wanted.get())
            last = None in batch
            self._write(connection, [one for one in batch if one is not None])
        connection.close()

    def _write(
        self, connection: sqlite3.Connection, batch: list[tuple[Operation, asyncio.Future[Any]]]
    ) -> None:
        results: list[tuple[asyncio.Future[Any], Any]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for operation, future in batch:
                results.append((future, _attempt(operation, connection)))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            results = [(future, error) for _, future in batch]
        self._loop.call_soon_threadsafe(_answer, results)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_SCHEMA)
    return connection


def _attempt(operation: Operation, connection: sqlite3.Connection) -> Any:
    """Its result, or the error that it alone has failed with."""
    connection.execute("SAVEPOINT one")
    try:
        result = operation(connection)
    except sqlite3.Error as error:
        connection.execute("ROLLBACK TO one")
        result = error
    connection.execute("RELEASE one")
    return result


def _answer(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in results:
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
