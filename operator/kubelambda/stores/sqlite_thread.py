"""The one thread that works on a SQLite file, for callers of one event loop.

Contract: durable in the sense of ``synchronous=FULL``: ``run`` returns after the fsync of its
transaction. All that is asked for while a transaction is being written shares the next one, so many
operations cost one fsync. An operation that fails fails alone; an error that ends the thread's work
is answered to all who wait as QueueUnavailableError, and the thread reopens the file.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from kubelambda.core.asynchronous.queue import QueueUnavailableError

logger = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")
Operation = Callable[[sqlite3.Connection], Any]
Asked = tuple[Operation, asyncio.Future[Any]]

_REOPEN_S = 0.5


class SqliteThread:
    """``prepare`` is called with each new connection, to make tables and the like."""

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self._prepare = prepare
        self._wanted: SimpleQueue[Asked | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="sqlite", daemon=True)
        self._closed = False

    async def start(self) -> None:
        """Open the file; QueueUnavailableError if that cannot be done."""
        try:
            await asyncio.to_thread(lambda: self._open().close())
        except sqlite3.Error as error:
            raise QueueUnavailableError(f"{self._path}: {error}") from error
        self._thread.start()
        await self.run(lambda connection: connection.execute("SELECT 1").fetchone())

    async def close(self) -> None:
        """Write what was asked for, then close the file."""
        if not self._closed:
            self._closed = True
            self._wanted.put(None)
            await asyncio.to_thread(self._thread.join)

    async def run(self, operation: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """What ``operation`` returns, once its transaction is durable."""
        if self._closed:
            raise QueueUnavailableError("the file is closed")
        future: asyncio.Future[ResultT] = self._loop.create_future()
        self._wanted.put((operation, future))
        return await future

    def _work(self) -> None:
        """The driver's thread: whatever happens, everybody is answered and it goes on."""
        while True:
            try:
                with contextlib.closing(self._open()) as connection:
                    self._write_until_closed(connection)
            except BaseException as error:  # noqa: BLE001  # the boundary of the thread
                logger.warning("%s: %r; it is reopened", self._path, error)
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
            asked = [event for event in batch if event is not None]
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

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        self._prepare(connection)
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
