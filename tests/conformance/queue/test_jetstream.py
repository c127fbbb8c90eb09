"""What the JetStream driver does beside the rules of its port: connections that come and go."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from nats.aio.client import Client

import nats
from conformance.nats_server import NatsServer
from kubelambda.core.asynchronous.queue import QueuedEvent, QueueUnavailableError
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.jetstream import JetStreamQueue
from kubelambda.stores.jetstream_streams import CONSUMER, EVENTS, PENDING_MAX
from kubelambda.stores.nats_connection import NatsConnection

pytestmark = pytest.mark.nats

RECONNECTS = 2
EVENT = QueuedEvent("r-1", "default", "hello", b"{}", accepted_at=1.0)


class Queueing:
    """A server, and a driver's connection to it."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.supervisor = Supervisor(restart_s_min=0.01)
        self.connection = NatsConnection(server.url)
        self.queue = JetStreamQueue(self.connection, lease_s=1.0)


@pytest.fixture
async def queueing(nats_server: Callable[[], NatsServer]) -> AsyncIterator[Queueing]:
    one = Queueing(nats_server())
    await one.connection.open(one.supervisor)
    await one.server.wait_usable(one.queue)
    yield one
    await one.supervisor.close()
    await one.connection.close()


async def publish_when_usable(queueing: Queueing, event: QueuedEvent) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await queueing.queue.publish(event)
            except QueueUnavailableError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_no_subscription_is_left_behind_by_a_reconnection(queueing: Queueing) -> None:
    await queueing.queue.lease(1, 0.1)
    before = queueing.server.count_subscriptions()
    for _ in range(RECONNECTS):
        queueing.server.kill()
        queueing.server.start()
        await queueing.server.wait_usable(queueing.queue)
        await queueing.queue.lease(1, 0.1)
    assert queueing.server.count_subscriptions() == before
    streams = queueing.connection.client.jetstream()
    assert [consumer.name for consumer in await streams.consumers_info(EVENTS)] == [CONSUMER]
    await queueing.queue.publish(EVENT)
    (lease,) = await queueing.queue.lease(1, 5)
    await queueing.queue.ack(lease)


async def test_a_process_that_only_publishes_subscribes_to_nothing(queueing: Queueing) -> None:
    await queueing.queue.publish(EVENT)
    without = queueing.server.count_subscriptions()
    await queueing.queue.lease(1, 0.1)
    assert queueing.server.count_subscriptions() == without + 1


async def test_a_consumer_and_a_stream_that_were_deleted_are_made_anew(queueing: Queueing) -> None:
    """F7."""
    await queueing.queue.lease(1, 0.1)
    await queueing.connection.client.jetstream().delete_stream(EVENTS)
    async with asyncio.timeout(60):
        while True:
            try:
                await queueing.queue.lease(1, 0.1)
                await queueing.queue.publish(EVENT)
                break
            except QueueUnavailableError:
                await asyncio.sleep(0.05)
        while not await queueing.queue.lease(1, 0.5):
            pass


async def test_records_that_cannot_be_read_do_not_fill_what_may_be_pending(
    queueing: Queueing,
) -> None:
    """Q7: they are scheduled anew, so that they are not among the messages without an ack."""
    streams = queueing.connection.client.jetstream()
    for _ in range(50):
        await streams.publish("kubelambda.run.odd", b"x", headers={"Kubelambda-Event": "odd"})
    while await queueing.queue.lease(50, 0.5):
        pass
    info = await streams.consumer_info(EVENTS, CONSUMER)
    assert info.num_ack_pending == 0
    assert info.config.max_ack_pending == PENDING_MAX
    assert (await streams.stream_info(EVENTS)).state.messages == 50


async def test_the_connection_says_that_it_is_lost_and_comes_back(queueing: Queueing) -> None:
    assert queueing.connection.check_ready() == ""
    queueing.server.kill()
    async with asyncio.timeout(60):
        while not queueing.connection.check_ready():
            await asyncio.sleep(0.02)
    assert queueing.server.url in queueing.connection.check_ready()
    queueing.server.start()
    async with asyncio.timeout(60):
        while queueing.connection.check_ready():
            await asyncio.sleep(0.02)
    await publish_when_usable(queueing, EVENT)


async def test_a_preparation_with_a_bug_is_visible_and_tried_again(
    nats_server: Callable[[], NatsServer], caplog: pytest.LogCaptureFixture
) -> None:
    """The keeper of the connection is supervised: an error that nobody expects does not end it."""
    failures = 2
    connection, supervisor = NatsConnection(nats_server().url), Supervisor(restart_s_min=0.01)

    async def fail(_: Client) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise LookupError("a bug")

    connection.prepare(fail)
    with caplog.at_level(logging.ERROR):
        await connection.open(supervisor)
        assert "not connected yet" in connection.check_ready()
        async with asyncio.timeout(60):
            while connection.check_ready():
                await asyncio.sleep(0.01)
    assert caplog.text.count("the connection to NATS failed") == 2
    await supervisor.close()
    await connection.close()


async def test_the_release_before_takes_over_the_consumer_and_gives_it_back(
    queueing: Queueing,
) -> None:
    """6b2581d subscribes to the same durable consumer, while dispatchers are rolled out."""
    client = await nats.connect(queueing.server.url)
    await queueing.queue.publish(EVENT)
    former = await client.jetstream().pull_subscribe(
        "kubelambda.run.>", durable=CONSUMER, stream=EVENTS
    )
    (message,) = await former.fetch(1, timeout=5)
    await message.nak()
    (lease,) = await queueing.queue.lease(1, 5)
    assert lease.event == EVENT
    await client.close()
