"""Rules D2 to D6 of dispatch.dispatcher, over a queue in memory and an invoker that is told."""

import asyncio
import logging

import pytest

from kubelambda.core.asynchronous.lane import WIDTH_MIN
from kubelambda.core.asynchronous.lanes import Lanes
from kubelambda.core.asynchronous.queue import QueuedEvent, QueueUnavailableError
from kubelambda.core.asynchronous.settle import AGE_S_MAX, DeadLetterCondition
from kubelambda.core.errors import ApiError, function_deleted, function_not_found
from unit.dispatch.fakes import SUCCESS, THROTTLED, Dispatching, Result, until


async def test_d2_waiting_and_running_events_are_held() -> None:
    short = Dispatching(lease_s=0.3)
    short.invoker.answer = lambda _: asyncio.sleep(3_600)
    await short.publish(*(f"r-{number}" for number in range(6)))
    one = short.start()
    await until(lambda: one.held == 6)
    await until(lambda: short.queue.steps["extend"] >= 6 * 3)
    assert len(short.invoker.invoked) == WIDTH_MIN
    await short.close()


async def test_d2_an_extension_that_fails_hinders_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    short = Dispatching(lease_s=0.3)
    short.invoker.answer = lambda _: asyncio.sleep(3_600)
    failures = iter([OSError("odd"), QueueUnavailableError("away"), ValueError("a bug")])

    async def fail(name: str) -> None:
        if name == "before extend" and (error := next(failures, None)) is not None:
            raise error

    short.queue.on_step = fail
    await short.publish("r-1", "r-2")
    with caplog.at_level(logging.WARNING):
        short.start()
        await until(lambda: short.queue.steps["extend"] >= 9)
    assert caplog.text.count("cannot extend the lease") == 3
    await short.close()


async def test_d2_an_event_that_is_delivered_again_while_it_is_held_runs_once(
    dispatching: Dispatching,
) -> None:
    """Its lease ran out, as while the queue was away; the new lease settles it."""
    finish = asyncio.Event()

    async def wait(_: QueuedEvent) -> Result:
        await finish.wait()
        return SUCCESS

    dispatching.invoker.answer = wait
    await dispatching.publish("r-1")
    one = dispatching.start()
    await until(lambda: dispatching.invoker.invoked)
    leased = dispatching.queue.steps["lease"]
    dispatching.clock.now += 31
    await until(lambda: dispatching.queue.steps["lease"] > leased + 2)
    assert one.held == 1
    finish.set()
    await until(lambda: not len(dispatching.memory))
    assert dispatching.invoker.invoked == ["r-1"]


async def test_d3_stopping_gives_back_what_waits_and_what_does_not_finish(
    dispatching: Dispatching,
) -> None:
    dispatching.invoker.answer = lambda _: asyncio.sleep(3_600)
    await dispatching.publish(*(f"r-{number}" for number in range(5)))
    one = dispatching.start()
    await until(lambda: one.held == 5)
    await one.drain(0.01)
    assert not one.held
    asked = dispatching.queue.steps["lease"]
    assert len(await dispatching.memory.lease(10, 0)) == 5
    assert dispatching.queue.steps["lease"] == asked
    assert dispatching.queue.steps["ack"] == 0


async def test_d3_a_request_for_leases_that_is_under_way_keeps_nothing_that_was_given_back(
    dispatching: Dispatching,
) -> None:
    """It takes up again what was just given back, and the process ends before it can give it."""
    dispatching.invoker.answer = lambda _: asyncio.sleep(3_600)
    asked = asyncio.Event()

    async def hold(step: str) -> None:
        if step == "before lease" and dispatching.invoker.invoked:
            asked.set()
        if step == "after lease" and asked.is_set():
            await asyncio.sleep(0.05)  # the answer of the queue is on its way

    dispatching.queue.on_step = hold
    await dispatching.publish(*(f"r-{number}" for number in range(5)))
    one = dispatching.start()
    await asyncio.wait_for(asked.wait(), 5)
    await one.drain(0.01)
    await dispatching.kill()
    assert len(await dispatching.memory.lease(10, 0)) == 5


async def test_d3_stopping_lets_finish_what_runs_and_starts_nothing_more(
    dispatching: Dispatching,
) -> None:
    finish = asyncio.Event()

    async def wait(_: QueuedEvent) -> Result:
        await finish.wait()
        return SUCCESS

    dispatching.invoker.answer = wait
    await dispatching.publish(*(f"r-{number}" for number in range(5)))
    one = dispatching.start()
    await until(lambda: one.held == 5)
    draining = asyncio.create_task(one.drain(30))
    await asyncio.sleep(0)
    finish.set()
    await draining
    assert not one.held
    assert len(dispatching.invoker.invoked) == WIDTH_MIN
    assert len(dispatching.memory) == 5 - WIDTH_MIN
    assert len(await dispatching.memory.lease(10, 0)) == 5 - WIDTH_MIN


@pytest.mark.parametrize("error", [QueueUnavailableError("away"), ValueError("a bug")], ids=str)
async def test_d4_a_queue_that_is_away_is_asked_again(
    dispatching: Dispatching, error: Exception
) -> None:
    away = True

    async def refuse(name: str) -> None:
        if away and name == "before lease":
            raise error

    dispatching.queue.on_step = refuse
    await dispatching.publish("r-1")
    dispatching.start()
    await until(lambda: dispatching.queue.steps["lease"] >= 1)
    assert dispatching.queue.steps["lease"] <= 3, "not in a hot loop"
    away = False
    await until(lambda: not len(dispatching.memory))


@pytest.mark.parametrize(
    "error",
    [LookupError("a bug"), asyncio.CancelledError("a bug")],
    ids=["raises", "is cancelled from within"],
)
async def test_d5_a_bug_with_some_events_stops_nothing_else(
    dispatching: Dispatching, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    def answer(event: QueuedEvent) -> Result:
        if event.request_id.startswith("odd"):
            raise error
        return SUCCESS

    dispatching.invoker.answer = answer
    odd = [f"odd-{number}" for number in range(WIDTH_MIN + 1)]
    await dispatching.publish(*odd, "r-1", "r-2")
    with caplog.at_level(logging.ERROR):
        one = dispatching.start()
        await until(lambda: len(dispatching.memory) == len(odd) and not one.held)
    assert "a bug" in caplog.text
    supervisor, _ = dispatching.started[0]
    assert supervisor.check_ready() == ""
    dispatching.invoker.answer = lambda _: SUCCESS
    dispatching.clock.now += 31
    await until(lambda: not len(dispatching.memory))


async def test_d5_a_bug_while_settling_is_logged_and_the_event_is_run_again(
    dispatching: Dispatching, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(name: str) -> None:
        if name == "before ack":
            raise LookupError("a bug")

    dispatching.queue.on_step = fail
    await dispatching.publish("r-1")
    with caplog.at_level(logging.ERROR):
        one = dispatching.start()
        await until(lambda: dispatching.queue.steps["ack"] and not one.held)
    assert "a bug" in caplog.text
    dispatching.queue.on_step = None
    dispatching.clock.now += 31
    await until(lambda: not len(dispatching.memory))


async def test_d6_a_throttled_event_waits_and_takes_the_next_free_slot(
    dispatching: Dispatching,
) -> None:
    """Ten events for one slot: all done, oldest first, none back to the queue."""
    slots = asyncio.Semaphore(1)

    async def run(_: QueuedEvent) -> Result:
        if slots.locked():
            return THROTTLED
        async with slots:
            await asyncio.sleep(0.01)
        return SUCCESS

    dispatching.invoker.answer = run
    for number in range(10):
        dispatching.clock.now += 0.001
        await dispatching.publish(f"r-{number}")
    dispatching.start()
    await until(lambda: not len(dispatching.memory))
    await until(lambda: dispatching.read("settled_total", settlement="done") == 10)
    assert dispatching.queue.steps["publish"] == 0
    assert dispatching.read("throttles_total") >= 1


async def test_d6_what_there_is_no_room_for_goes_back_to_the_queue(
    dispatching: Dispatching,
) -> None:
    """One function's backlog leaves room for another's events."""

    def run(event: QueuedEvent) -> object:
        return THROTTLED if event.function_name == "noisy" else SUCCESS

    dispatching.invoker.answer = run
    await dispatching.publish(*(f"n-{number}" for number in range(100)), function="noisy")
    await dispatching.publish("q-1", function="quiet")
    one = dispatching.start(Lanes(waiting_max=10))
    await until(lambda: "q-1" in dispatching.invoker.invoked)
    await until(lambda: dispatching.read("settled_total", settlement="deferred") >= 90)
    await until(lambda: one.held <= 10)
    assert len(dispatching.memory) == 100


async def test_s3_an_event_that_grew_too_old_while_it_waited_is_a_dead_letter(
    dispatching: Dispatching,
) -> None:
    dispatching.invoker.answer = lambda _: THROTTLED
    await dispatching.publish("r-1")
    dispatching.start()
    await until(lambda: dispatching.invoker.invoked)
    dispatching.clock.now += AGE_S_MAX + 1
    await until(lambda: not len(dispatching.memory))
    (letter,) = await dispatching.memory.read_dead_letters(10)
    assert letter.condition == DeadLetterCondition.EVENT_AGE_EXCEEDED


@pytest.mark.parametrize(
    ("result", "kept"), [(function_deleted("arn"), 0), (function_not_found("arn"), 1)]
)
async def test_s4_only_the_events_of_a_deleted_function_are_dropped(
    dispatching: Dispatching, result: ApiError, kept: int
) -> None:
    dispatching.invoker.answer = lambda _: result
    await dispatching.publish("r-1")
    one = dispatching.start()
    await until(lambda: dispatching.queue.steps["ack"] and not one.held)
    assert len(dispatching.memory) == kept
    assert dispatching.read("settled_total", settlement="dropped") == 1 - kept
