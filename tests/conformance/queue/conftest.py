"""Every driver of the port Queue, opened anew for each test."""

import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import pytest
from nats.aio.client import Client

import nats
from conformance.nats_server import NatsServer
from kubelambda.core.asynchronous.queue import Queue
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.jetstream import JetStreamQueue
from kubelambda.stores.jetstream_messages import HEADER
from kubelambda.stores.jetstream_messages import VERSION as LETTER_VERSION_HEADER
from kubelambda.stores.jetstream_streams import DEAD_SUBJECT, EVENTS, RUN_SUBJECT
from kubelambda.stores.memory import MemoryQueue
from kubelambda.stores.nats_connection import NatsConnection
from kubelambda.stores.sqlite import SqliteQueue

LEASE_S = 1.0


class Driver(Protocol):
    """One storage: opened as often as wanted, and looked into behind the driver's back."""

    looks: int
    """How often an unreadable record was met."""

    async def open(self) -> Queue: ...

    async def put_record(self, header: str, payload: bytes) -> None:
        """Store a record as another release may have written it."""
        ...

    async def put_letter(self, version: int, header: str) -> None:
        """Likewise a dead letter."""
        ...

    async def count_records(self) -> int: ...

    async def close(self) -> None: ...


class MemoryDriver:
    def __init__(self, lease_s: float) -> None:
        self.looks = 0
        self._queue = MemoryQueue(time.time, lease_s=lease_s, on_unreadable=self._note)

    def _note(self) -> None:
        self.looks += 1

    async def open(self) -> Queue:
        return self._queue

    async def put_record(self, header: str, payload: bytes) -> None:
        self._queue.put(header, payload)

    async def put_letter(self, version: int, header: str) -> None:
        pytest.skip("dead letters in memory are values of this release")

    async def count_records(self) -> int:
        return len(self._queue)

    async def close(self) -> None:
        await self._queue.close()


class SqliteDriver:
    def __init__(self, path: Path, lease_s: float) -> None:
        self.looks = 0
        self._lease_s = lease_s
        self.path = path
        self._queues: list[SqliteQueue] = []

    def _note(self) -> None:
        self.looks += 1

    async def open(self) -> Queue:
        queue = SqliteQueue(self.path, time.time, lease_s=self._lease_s, on_unreadable=self._note)
        self._queues.append(queue)
        await queue.open()
        return queue

    async def put_record(self, header: str, payload: bytes) -> None:
        self.execute(
            "INSERT INTO events (header, payload, due_at) VALUES (?, ?, 0)", header, payload
        )

    async def put_letter(self, version: int, header: str) -> None:
        self.execute(
            "INSERT INTO dead (message_id, header, payload, condition, detail, version) "
            "VALUES ('odd', ?, x'00', 'X', '', ?)",
            header,
            version,
        )

    async def count_records(self) -> int:
        return int(self.execute("SELECT count(*) FROM events")[0][0])

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    async def close(self) -> None:
        for queue in self._queues:
            await queue.close()


class JetStreamDriver:
    def __init__(self, server: NatsServer, lease_s: float) -> None:
        self.looks = 0
        self._lease_s = lease_s
        self._server = server
        self._opened: list[tuple[Supervisor, NatsConnection]] = []

    def _note(self) -> None:
        self.looks += 1

    async def open(self) -> Queue:
        supervisor, connection = Supervisor(), NatsConnection(self._server.url)
        self._opened.append((supervisor, connection))
        queue = JetStreamQueue(connection, lease_s=self._lease_s, on_unreadable=self._note)
        await connection.open(supervisor)
        await self._server.wait_usable(queue)
        return queue

    async def put_record(self, header: str, payload: bytes) -> None:
        async with self._connect() as client:
            context = client.jetstream()
            await context.publish(f"{RUN_SUBJECT}.odd", payload, headers={HEADER: header})

    async def put_letter(self, version: int, header: str) -> None:
        async with self._connect() as client:
            headers = {HEADER: header, LETTER_VERSION_HEADER: str(version)}
            await client.jetstream().publish(f"{DEAD_SUBJECT}.odd", b"x", headers=headers)

    async def count_records(self) -> int:
        async with self._connect() as client:
            return int((await client.jetstream().stream_info(EVENTS)).state.messages)

    @contextlib.asynccontextmanager
    async def _connect(self) -> AsyncIterator[Client]:
        client = await nats.connect(self._server.url)
        try:
            yield client
        finally:
            await client.close()

    async def close(self) -> None:
        for supervisor, connection in self._opened:
            await supervisor.close()
            await connection.close()


@pytest.fixture
def lease_s() -> float:
    """How long a lease of the test's queues lasts; a test may ask for another by parametrize."""
    return LEASE_S


@pytest.fixture(
    params=["memory", "sqlite", pytest.param("jetstream", marks=pytest.mark.nats)], name="driver"
)
async def _driver(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    nats_server: Callable[[], NatsServer],
    lease_s: float,
) -> AsyncIterator[Driver]:
    driver: Driver
    if request.param == "memory":
        driver = MemoryDriver(lease_s)
    elif request.param == "sqlite":
        driver = SqliteDriver(tmp_path / "queue.sqlite", lease_s)
    else:
        driver = JetStreamDriver(nats_server(), lease_s)
    yield driver
    await driver.close()


@pytest.fixture
async def queue(driver: Driver) -> Queue:
    return await driver.open()
