"""The keyed, de-duplicating queue."""

import asyncio

import pytest

from kubelambda.controller.work_queue import RETRY_S_MAX, RETRY_S_MIN, WorkQueue


async def drain(queue: WorkQueue[str]) -> list[str]:
    taken = []
    try:
        async with asyncio.timeout(0.02):
            while True:
                taken.append(await queue.take())
    except TimeoutError:
        return taken


async def test_a_key_that_waits_already_is_not_added_twice() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "a"):
        queue.add(key)
    assert await drain(queue) == ["a", "b"]


async def test_a_key_is_worked_on_by_one_worker_at_a_time_and_comes_again_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await queue.take() == "a"
    queue.add("a")
    queue.add("a")
    assert await drain(queue) == []
    queue.done("a")
    assert await drain(queue) == ["a"]


async def test_a_taker_waits_until_something_comes() -> None:
    queue: WorkQueue[str] = WorkQueue()
    taker = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add("a")
    assert await taker == "a"


async def test_a_later_key_comes_when_it_is_due() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_later("late", 0.05)
    queue.add_later("soon", 0.01)
    assert await drain(queue) == ["soon"]
    assert await queue.take() == "late"


async def test_delays_double_up_to_a_minute_and_start_anew_after_success() -> None:
    queue: WorkQueue[str] = WorkQueue()
    delays = [queue.retry("a") for _ in range(12)]
    assert delays[:3] == [RETRY_S_MIN, 2 * RETRY_S_MIN, 4 * RETRY_S_MIN]
    assert delays[-1] == RETRY_S_MAX
    queue.forget_failures("a")
    assert queue.retry("a") == RETRY_S_MIN
    assert queue.retry("b", at_least_s=5.0) == pytest.approx(5.0)
