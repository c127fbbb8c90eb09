"""Rules Q1 to Q7 of core.queue, for every driver."""

import asyncio
import json
import logging
import time
from dataclasses import replace

import pytest

from conformance.queue.conftest import LEASE_S, Driver
from kubelambda.core.asynchronous.queue import DeadLetter, Lease, Queue, QueuedEvent, encode_header


def make_event(number: int = 0, *, due_in_s: float = 0.0, payload: bytes = b"{}") -> QueuedEvent:
    now = time.time()
    due_at = now + due_in_s if due_in_s else 0.0
    return QueuedEvent(
        f"request-{number}", "default", "hello", payload, accepted_at=now, due_at=due_at
    )


async def take_one(queue: Queue, wait_s: float = 30.0) -> Lease:
    (lease,) = await queue.lease(1, wait_s)
    return lease


async def expect_empty(queue: Queue, wait_s: float = 0.3) -> None:
    assert not await queue.lease(10, wait_s)


async def test_q1_an_event_comes_back_as_it_was_published(queue: Queue) -> None:
    event = replace(
        make_event(payload=bytes(range(256)) * 4_000),
        qualifier="$LATEST",
        trace_id="Root=1-2-3;Sampled=0",
        attempt=2,
        deferrals=3,
        function_uid="uid-1",
    )
    await queue.publish(event)
    assert (await take_one(queue)).event == event


@pytest.mark.parametrize("lease_s", [60.0])
async def test_q1_every_event_of_many_is_delivered_once(queue: Queue) -> None:
    numbers = range(200)
    for begin in numbers[::20]:  # a busy disk syncs so many within the time that a driver waits
        await asyncio.gather(*(queue.publish(make_event(begin + number)) for number in range(20)))
    seen: list[str] = []
    while len(seen) < len(numbers):
        leases = await queue.lease(32, 0.5)
        seen += [lease.event.request_id for lease in leases]
        await asyncio.gather(*(queue.ack(lease) for lease in leases))
    await expect_empty(queue)
    assert sorted(seen) == sorted(f"request-{number}" for number in numbers)


async def test_q2_a_repeated_publish_is_one_event(queue: Queue) -> None:
    await queue.publish(make_event())
    await queue.publish(make_event())
    await queue.ack(await take_one(queue))
    await queue.publish(make_event())
    await expect_empty(queue)


async def test_q2_a_retry_is_no_repeat(queue: Queue) -> None:
    event = make_event()
    await queue.publish(event)
    await queue.ack(await take_one(queue))
    await queue.publish(replace(event, attempt=2))
    assert (await take_one(queue)).event.attempt == 2


async def test_q3_an_event_waits_until_it_is_due(queue: Queue) -> None:
    event = make_event(due_in_s=1.0)
    await queue.publish(event)
    await expect_empty(queue)
    assert (await take_one(queue)).event == event
    assert time.time() >= event.due_at


async def test_q3_one_that_is_not_due_does_not_hold_up_the_others(queue: Queue) -> None:
    await queue.publish(make_event(1, due_in_s=60))
    await queue.publish(make_event(2))
    assert (await take_one(queue)).event.request_id == "request-2"


@pytest.mark.parametrize("lease_s", [3.0])  # a busy machine may stop a test for a second
async def test_q4_a_lease_that_runs_out_is_delivered_again(queue: Queue) -> None:
    await queue.publish(make_event())
    first = await take_one(queue)
    await expect_empty(queue)
    again = await take_one(queue)
    assert again.event == first.event


@pytest.mark.parametrize("lease_s", [3.0])
async def test_q4_an_extended_lease_is_held(queue: Queue, lease_s: float) -> None:
    await queue.publish(make_event())
    lease = await take_one(queue)
    end = time.monotonic() + 1.5 * lease_s
    while time.monotonic() < end:
        await asyncio.sleep(lease_s / 10)
        await queue.extend(lease)
    await expect_empty(queue)
    await queue.ack(lease)
    await expect_empty(queue, lease_s * 1.5)


@pytest.mark.parametrize("lease_s", [20.0])
async def test_q4_a_released_event_is_there_at_once(queue: Queue, lease_s: float) -> None:
    event = make_event()
    await queue.publish(event)
    await queue.release(await take_one(queue))
    assert (await take_one(queue, lease_s / 2)).event == event


async def test_q5_a_settle_after_the_lease_ran_out_neither_loses_nor_doubles(queue: Queue) -> None:
    """Whoever acks has made the outcome durable; the later holder's ack is harmless."""
    await queue.publish(make_event())
    stale = await take_one(queue)
    current = await take_one(queue)
    await queue.ack(stale)
    await queue.ack(current)
    await expect_empty(queue, LEASE_S * 1.5)


async def test_q6_a_dead_letter_stays_readable_with_its_reason(queue: Queue) -> None:
    letter = DeadLetter(make_event(payload=b"[1]"), "RetriesExhausted", 'said "no"\nü')
    await queue.dead_letter(letter)
    await queue.dead_letter(letter)
    assert list(await queue.read_dead_letters(10)) == [letter]


@pytest.mark.parametrize("payload", [b"", b"x" * 1_048_576])
async def test_the_smallest_and_the_largest_payload_pass(queue: Queue, payload: bytes) -> None:
    await queue.publish(make_event(payload=payload))
    assert (await take_one(queue)).event.payload == payload


@pytest.mark.parametrize(
    "driver", ["sqlite", pytest.param("jetstream", marks=pytest.mark.nats)], indirect=True
)
async def test_q1_an_event_survives_the_queue_that_took_it(driver: Driver, queue: Queue) -> None:
    """Q1: closed and opened again, leased or not, it is there."""
    await queue.publish(make_event(1))
    await queue.publish(make_event(2))
    await take_one(queue)
    await queue.close()
    again = await driver.open()
    seen = set()
    while len(seen) < 2:
        seen.add((await take_one(again)).event.request_id)
    assert seen == {"request-1", "request-2"}


def make_newer_header() -> str:
    return json.dumps(json.loads(encode_header(make_event(7))) | {"version": 99})


@pytest.mark.parametrize(
    "header",
    [make_newer_header(), "", "[]", '{"version":1,"attempt":0}', "[" * 20_000],
    ids=["newer", "empty", "a list", "no attempt", "nested deeply"],
)
async def test_q7_a_record_that_cannot_be_read_is_kept_and_holds_up_no_other(
    driver: Driver, queue: Queue, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    await driver.put_record(header, b"payload")
    await queue.publish(make_event(1))
    with caplog.at_level(logging.WARNING):
        lease = await take_one(queue)
        await queue.ack(lease)
        await expect_empty(queue, LEASE_S * 1.5)
    assert lease.event.request_id == "request-1"
    assert await driver.count_records() == 1
    assert driver.looks == 1, "it is left alone for a while"
    assert len([record for record in caplog.records if "cannot read" in record.message]) == 1


async def test_q7_many_records_that_cannot_be_read_are_logged_once(
    driver: Driver, queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(30):
        await driver.put_record(make_newer_header(), b"payload")
    await queue.publish(make_event(1))
    with caplog.at_level(logging.WARNING):
        lease = await take_one(queue)
        while driver.looks < 30:
            await expect_empty(queue, 0.1)
    await queue.ack(lease)
    assert await driver.count_records() == 30
    assert len([record for record in caplog.records if "cannot read" in record.message]) == 1


async def test_q7_a_dead_letter_that_cannot_be_read_does_not_hide_the_others(
    driver: Driver, queue: Queue
) -> None:
    letter = DeadLetter(make_event(), "RetriesExhausted", "no")
    await driver.put_letter(99, encode_header(make_event(1)))
    await queue.dead_letter(letter)
    assert list(await queue.read_dead_letters(10)) == [letter]
    assert driver.looks == 1
