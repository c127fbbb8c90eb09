"""The queue of local mode: one SQLite file.

Contract: ``core.asynchronous.queue.Queue``. Durable in the sense of ``synchronous=FULL``: a publish
returns after the fsync of its transaction. All that is asked while a transaction is being written
shares the next one, so many publishes cost one fsync. Blocking calls stay in one thread of the
driver's own. Records are read as bytes: a text that is not UTF-8 would be an error of the whole
query. An operation that fails fails alone; an error that ends the thread's work is answered to all
who wait as QueueUnavailableError, and the thread opens the file anew.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from kubelambda.core.asynchronous.queue import (
    DEDUPLICATION_S,
    LEASE_S,
    LETTER_VERSION,
    DeadLetter,
    Lease,
    QueuedEvent,
    QueueUnavailableError,
    UnreadableEventError,
    decode_event,
    decode_letter,
    encode_header,
    plan_unreadable_delay_s,
)
from kubelambda.stores.unreadable import UnreadableRecords

logger = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")
Operation = Callable[[sqlite3.Connection], Any]
Asked = tuple[Operation, asyncio.Future[Any]]

_POLL_S = 0.25
_REOPEN_S = 0.5
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
        self._path = path
        self._clock = clock
        self._lease_s = lease_s
        self._unreadable = UnreadableRecords(on_unreadable)
        self._wanted: SimpleQueue[Asked | None] = SimpleQueue()
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
            rows = await self._run(lambda connection: self._take(connection, limit))
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

    async def dead_letter(self, letter: DeadLetter) -> None:
        """Keep it among the dead ones, once for each message id."""
        event = letter.event
        row = (event.message_id, encode_header(event), event.payload)
        await self._run(
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
        rows = await self._run(
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
        """The rows that were taken, as leases; what cannot be read is left alone for a while."""
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
        await self._run(
            lambda connection: (
                connection.execute(
                    "UPDATE events SET due_at = ? WHERE number = ?", (due_at, number)
                )
                and None
            )
        )

    async def _run(self, operation: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        if self._closed:
            raise QueueUnavailableError("the queue is closed")
        future: asyncio.Future[ResultT] = self._loop.create_future()
        self._wanted.put((operation, future))
        return await future

    def _work(self) -> None:
        """The driver's thread: whatever happens, everybody is answered and it goes on."""
        while True:
            try:
                with contextlib.closing(_open(self._path)) as connection:
                    self._write_until_closed(connection)
            except BaseException as error:  # noqa: BLE001  # the boundary of the thread
                logger.warning("%s: %r; it is opened anew", self._path, error)
                if not self._refuse_waiting(error):
                    time.sleep(_REOPEN_S)
                    continue
            return

    def _write_until_closed(self, connection: sqlite3.Connection) -> None:
        """Gather what is asked for, write it in one transaction, answer; None ends it."""
        last = False
        while not last:
            batch = [self._wanted.get()]
            while not self._wanted.empty():
                batch.append(self._wanted.get())
            last = None in batch
            asked = [one for one in batch if one is not None]
            try:
                self._write(connection, asked)
            except BaseException as error:
                self._reply([(future, error) for _, future in asked])
                if last:
                    self._wanted.put(None)
                raise

    def _refuse_waiting(self, error: BaseException) -> bool:
        """Answer all who wait that it failed; whether the end was asked for."""
        last = False
        while True:
            try:
                asked = self._wanted.get_nowait()
            except Empty:
                return last
            if asked is None:
                last = True
            else:
                self._reply([(asked[1], error)])

    def _write(self, connection: sqlite3.Connection, batch: list[Asked]) -> None:
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
        self._reply(results)

    def _reply(self, results: list[tuple[asyncio.Future[Any], Any]]) -> None:
        refused = [
            (future, self._wrap(result) if isinstance(result, BaseException) else result)
            for future, result in results
        ]
        with contextlib.suppress(RuntimeError):  # the loop has ended, and who waited with it
            self._loop.call_soon_threadsafe(_answer, refused)

    def _wrap(self, error: BaseException) -> QueueUnavailableError:
        wrapped = QueueUnavailableError(f"{self._path.name}: {error!r}")
        wrapped.__cause__ = error
        return wrapped


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_SCHEMA)
    columns = {row[1] for row in connection.execute("PRAGMA table_info(dead)")}
    if "version" not in columns:
        connection.execute(_ADD_VERSION)
    return connection


def _attempt(operation: Operation, connection: sqlite3.Connection) -> Any:
    """Its result, or the error that it alone has failed with."""
    connection.execute("SAVEPOINT one")
    try:
        result = operation(connection)
    except Exception as error:  # noqa: BLE001  # its own caller is told, the others go on
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
