"""The keyed, de-duplicating queue."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.controller.process.work_queue import RETRY_S_MAX, RETRY_S_MIN, WorkQueue
from unit.jumping_loop import run_jumping


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
    assert await queue.take() == "soon"
    assert await queue.take() == "late"


async def test_delays_double_up_to_a_minute_and_start_anew_after_success() -> None:
    queue: WorkQueue[str] = WorkQueue()
    delays = [queue.retry("a") for _ in range(12)]
    assert delays[:3] == [RETRY_S_MIN, 2 * RETRY_S_MIN, 4 * RETRY_S_MIN]
    assert delays[-1] == RETRY_S_MAX
    queue.forget_failures("a")
    assert queue.retry("a") == RETRY_S_MIN
    assert queue.retry("b", at_least_s=5.0) == pytest.approx(5.0)


async def test_a_hundred_events_leave_one_later_look() -> None:
    """W2: each event is worked on and asks for another look in five seconds."""
    queue: WorkQueue[str] = WorkQueue()
    for _ in range(100):
        queue.add("a")
        queue.done(await queue.take())
        queue.add_later("a", 5.0)
    assert queue.later == 1


def test_the_earliest_of_the_later_looks_is_the_one_that_comes() -> None:
    """W2: in whichever order they were asked for."""

    async def look() -> list[float]:
        queue: WorkQueue[str] = WorkQueue()
        loop, looks = asyncio.get_running_loop(), []
        for delay_s in (9.0, 4.0, 7.0):
            queue.add_later("a", delay_s)
        queue.done(await queue.take())
        looks.append(loop.time())
        queue.add_later("a", 30.0)
        queue.done(await queue.take())
        return [*looks, loop.time()]

    assert run_jumping(look()) == pytest.approx([4.0, 34.0])


def test_work_on_a_key_does_not_take_its_later_look_away() -> None:
    """W3: who asked for it knows something that this work may not have seen."""

    async def look() -> float:
        queue: WorkQueue[str] = WorkQueue()
        queue.add_later("a", 4.0)
        queue.add("a")
        queue.done(await queue.take())
        queue.done(await queue.take())
        return asyncio.get_running_loop().time()

    assert run_jumping(look()) == pytest.approx(4.0)


class Model:
    """The queue, written as slowly and as obviously as possible."""

    def __init__(self) -> None:
        self.ready: list[str] = []
        self.working: set[str] = set()
        self.again: set[str] = set()
        self.due: dict[str, float] = {}

    def add(self, key: str) -> None:
        if key in self.working:
            self.again.add(key)
        elif key not in self.ready:
            self.ready.append(key)

    def add_later(self, key: str, due: float) -> None:
        self.due[key] = min(due, self.due.get(key, due))

    def take(self) -> str | None:
        if not self.ready:
            return None
        key = self.ready.pop(0)
        self.working.add(key)
        return key

    def done(self, key: str) -> None:
        self.working.discard(key)
        if key in self.again:
            self.again.discard(key)
            self.add(key)

    def pass_time(self, now: float) -> None:
        for key, due in sorted(self.due.items(), key=lambda item: item[1]):
            if due <= now:
                del self.due[key]
                self.add(key)


KEYS = st.sampled_from("abc")
STEPS = st.one_of(
    st.tuples(st.just("add"), KEYS),
    st.tuples(st.just("take")),
    st.tuples(st.just("done"), KEYS),
    st.tuples(st.just("later"), KEYS, st.floats(0.5, 90.0)),
    st.tuples(st.just("wait"), st.floats(0.1, 60.0)),
)


@given(st.lists(STEPS, max_size=60))
def test_the_queue_does_what_a_plain_model_of_it_does(steps: list[tuple[object, ...]]) -> None:
    """W1 to W3, whatever is asked for and in whatever order."""
    run_jumping(compare_with_model(steps))


async def compare_with_model(steps: list[tuple[object, ...]]) -> None:
    queue: WorkQueue[str] = WorkQueue()
    model = Model()
    loop = asyncio.get_running_loop()
    for number, (verb, *arguments) in enumerate(steps):
        match verb, arguments:
            case "add", [str(key)]:
                queue.add(key)
                model.add(key)
            case "take", []:
                expected = model.take()
                assert (await queue.take() if len(queue) else None) == expected
            case "done", [str(key)] if key in model.working:
                queue.done(key)
                model.done(key)
            case "later", [str(key), float(delay_s)]:
                unlike_any_other = delay_s + number * 1e-6  # no two looks at the same moment
                queue.add_later(key, unlike_any_other)
                model.add_later(key, loop.time() + unlike_any_other)
            case "wait", [float(delay_s)]:
                await asyncio.sleep(delay_s)
                model.pass_time(loop.time())
        assert (len(queue), queue.later) == (len(model.ready), len(model.due))
    await asyncio.sleep(100.0)
    model.pass_time(loop.time())
    for key in sorted(model.working):
        queue.done(key)
        model.done(key)
    assert [await queue.take() for _ in range(len(queue))] == model.ready
