"""Rule D1 of dispatch.dispatcher: whenever it is killed, no event is lost."""

import asyncio

import pytest

from kubelambda.core.asynchronous.queue import QueueUnavailableError
from kubelambda.core.asynchronous.settle import DeadLetterCondition
from kubelambda.core.errors import function_not_found
from kubelambda.core.model.invocation import Dropped
from unit.dispatch.fakes import FAILED, SUCCESS, Dispatching, Result, until


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("step", "result"),
    [
        ("lease", SUCCESS),
        ("ack", SUCCESS),
        ("ack", FAILED),
        ("publish", FAILED),
        ("publish", Dropped()),
        ("publish", function_not_found("arn")),
        ("dead_letter", FAILED),
    ],
)
async def test_d1_killed_at_each_step_and_started_again_nothing_is_lost(
    dispatching: Dispatching, step: str, moment: str, result: Result
) -> None:
    """Each event has succeeded, or is in the queue, or among the dead letters."""
    dispatching.invoker.answer = lambda _: result
    events = {"r-1", "r-2", "r-3"}
    await dispatching.publish(*events)
    reached = asyncio.Event()

    async def hang(name: str) -> None:
        if name == f"{moment} {step}":
            reached.set()
            await asyncio.Event().wait()

    dispatching.queue.on_step = hang
    dispatching.start()
    async with asyncio.timeout(30):
        while not reached.is_set():
            dispatching.clock.now += 40  # a dead letter comes after three runs
            await asyncio.sleep(0.02)
    await dispatching.kill()
    kept = dispatching.list_kept() | {
        letter.event.request_id for letter in await dispatching.memory.read_dead_letters(10)
    }
    assert events - kept <= (set(dispatching.invoker.invoked) if result is SUCCESS else set())
    dispatching.queue.on_step = None
    dispatching.invoker.answer = lambda _: SUCCESS
    dispatching.start()
    async with asyncio.timeout(30):
        while len(dispatching.memory):
            dispatching.clock.now += 40
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("begins", [False, True], ids=["not begun", "begun"])
async def test_d1_killed_while_events_run_and_started_again_nothing_is_lost(
    dispatching: Dispatching, *, begins: bool
) -> None:
    """They run again under their request ids, by which their gateways know them."""
    dispatching.invoker.begins = begins
    dispatching.invoker.answer = lambda _: asyncio.sleep(3_600)
    events = {"r-1", "r-2", "r-3"}
    await dispatching.publish(*events)
    one = dispatching.start()
    await until(lambda: one.held == 3 and dispatching.invoker.running)
    await dispatching.kill()
    assert dispatching.list_kept() == events
    dispatching.invoker.answer = lambda _: SUCCESS
    dispatching.start()
    dispatching.clock.now += 31
    await until(lambda: not len(dispatching.memory))
    assert set(dispatching.invoker.invoked) == events


@pytest.mark.parametrize("step", ["before release", "after release"])
@pytest.mark.parametrize("released", range(1, 6))
async def test_d1_a_stop_that_is_cut_short_at_any_release_loses_nothing(
    dispatching: Dispatching, step: str, released: int
) -> None:
    """The kubelet kills what does not end in time."""
    dispatching.invoker.answer = lambda _: asyncio.sleep(3_600)
    events = {f"r-{number}" for number in range(5)}
    await dispatching.publish(*events)
    one = dispatching.start()
    await until(lambda: one.held == 5)
    reached = asyncio.Event()
    seen = 0

    async def hang(name: str) -> None:
        nonlocal seen
        seen += name == step
        if seen >= released:
            reached.set()
            await asyncio.Event().wait()

    dispatching.queue.on_step = hang
    draining = asyncio.create_task(one.drain(0.01))
    async with asyncio.timeout(30):
        await reached.wait()
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)
    await dispatching.kill()
    assert dispatching.list_kept() == events
    dispatching.queue.on_step = None
    dispatching.invoker.answer = lambda _: SUCCESS
    dispatching.start()
    dispatching.clock.now += 31
    await until(lambda: not len(dispatching.memory))


async def test_d1_no_event_is_acknowledged_before_its_successor_is_kept(
    dispatching: Dispatching,
) -> None:
    dispatching.invoker.answer = lambda _: FAILED
    order: list[str] = []

    async def note(name: str) -> None:
        if name in {"after publish", "before ack", "after dead_letter"}:
            order.append(name)

    dispatching.queue.on_step = note
    await dispatching.publish("r-1")
    dispatching.start()
    for _ in range(3):
        await until(lambda: order and order[-1] == "before ack")
        await until(lambda: len(dispatching.memory) <= 1)
        dispatching.clock.now += 121
        order.append("later")
    assert [name for name in order if name != "later"] == [
        "after publish",
        "before ack",
        "after publish",
        "before ack",
        "after dead_letter",
        "before ack",
    ]
    (letter,) = await dispatching.memory.read_dead_letters(10)
    assert letter.condition == DeadLetterCondition.RETRIES_EXHAUSTED


async def test_d1_what_the_queue_does_not_keep_is_delivered_again(
    dispatching: Dispatching,
) -> None:
    dispatching.invoker.answer = lambda _: FAILED

    async def refuse(name: str) -> None:
        if name == "before publish":
            raise QueueUnavailableError("away")

    dispatching.queue.on_step = refuse
    await dispatching.publish("r-1")
    one = dispatching.start()
    await until(lambda: dispatching.queue.steps["publish"])
    await until(lambda: not one.held)
    assert dispatching.queue.steps["ack"] == 0
    dispatching.queue.on_step = None
    dispatching.invoker.answer = lambda _: SUCCESS
    dispatching.clock.now += 31
    await until(lambda: not len(dispatching.memory))
    assert dispatching.invoker.invoked == ["r-1", "r-1"]
