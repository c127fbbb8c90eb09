"""Every driver of the port Queue, opened anew for each test."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conformance.nats_server import NatsServer
from kubelambda.core.queue import Queue
from kubelambda.stores.jetstream import JetStreamQueue
from kubelambda.stores.memory import MemoryQueue
from kubelambda.stores.nats_connection import NatsConnection
from kubelambda.stores.sqlite import SqliteQueue

LEASE_S = 1.0
OpenQueue = Callable[[], Awaitable[Queue]]


@dataclass(slots=True)
class Opened:
    """How a driver is opened on one and the same storage, and what has been opened."""

    open: OpenQueue
    queues: list[Queue] = field(default_factory=list)


@pytest.fixture(
    params=["memory", "sqlite", pytest.param("jetstream", marks=pytest.mark.nats)], name="driver"
)
async def _driver(
    request: pytest.FixtureRequest, tmp_path: Path, nats_server: Callable[[], NatsServer]
) -> AsyncIterator[Opened]:
    async def open_memory() -> Queue:
        return MemoryQueue(time.time, lease_s=LEASE_S)

    async def open_sqlite() -> Queue:
        queue = SqliteQueue(tmp_path / "queue.sqlite", time.time, lease_s=LEASE_S)
        await queue.open()
        return queue

    async def open_jetstream() -> Queue:
        server = nats_server()
        connection = NatsConnection(server.url)
        connections.append(connection)
        queue = JetStreamQueue(connection, lease_s=LEASE_S)
        await connection.open()
        await server.wait_usable(queue)
        return queue

    connections: list[NatsConnection] = []

    opens: dict[str, OpenQueue] = {
        "memory": open_memory,
        "sqlite": open_sqlite,
        "jetstream": open_jetstream,
    }
    opened = Opened(opens[request.param])
    yield opened
    for queue in opened.queues:
        await queue.close()
    for connection in connections:
        await connection.close()


@pytest.fixture
async def queue(driver: Opened) -> Queue:
    driver.queues.append(await driver.open())
    return driver.queues[0]
