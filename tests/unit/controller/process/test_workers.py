"""The workers: one broken object stops nobody, and nothing but their own end ends them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from kubelambda.controller.process.work_queue import WorkQueue
from kubelambda.controller.process.workers import WORKERS, WorkerMetrics, Workers
from kubelambda.controller.records.keys import WorkKey, function_key
from kubelambda.kube.errors import (
    ConflictError,
    FencedError,
    TooManyRequestsError,
    UnavailableError,
)
from unit.jumping_loop import run_jumping


class Reconciler:
    """Does what ``outcome`` says, and remembers when it was asked."""

    def __init__(self, outcome: Callable[[str], Awaitable[float | None]]) -> None:
        self._outcome = outcome
        self.asked: list[tuple[float, str]] = []

    async def reconcile(self, key: tuple[str, str]) -> float | None:
        self.asked.append((round(asyncio.get_running_loop().time(), 3), key[1]))
        return await self._outcome(key[1])

    def times(self, name: str) -> list[float]:
        return [moment for moment, asked_name in self.asked if asked_name == name]


async def run_for(
    seconds: float, reconciler: Reconciler, *names: str, again_s: float, events: int
) -> None:
    """Work for so long; ``events`` times, every ``again_s``, something happens to each name."""
    queue: WorkQueue[WorkKey] = WorkQueue()
    metrics = WorkerMetrics(CollectorRegistry(), queue)
    workers = Workers(queue, {"function": reconciler.reconcile}, metrics)
    running = asyncio.create_task(workers.run())
    for _ in range(events):
        for name in names:
            queue.add(function_key("apps", name))
        await asyncio.sleep(again_s)
    await asyncio.sleep(seconds - events * again_s)
    assert not running.done()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def test_a_hundred_events_leave_one_look_a_period() -> None:
    """W2: an object that is looked at every 5 s is so however many events it had."""

    async def look_again(name: str) -> float:
        return 5.0

    async def run() -> list[float]:
        reconciler = Reconciler(look_again)
        await run_for(61.0, reconciler, "f", again_s=0.01, events=100)
        return reconciler.times("f")

    times = run_jumping(run())
    busy = [moment for moment in times if moment < 1.0]
    assert len(busy) >= 100
    assert len(times) - len(busy) in (11, 12), "one look in five seconds afterwards"


def failing(error: Callable[[], BaseException]) -> Callable[[str], Awaitable[float | None]]:
    async def outcome(name: str) -> float | None:
        if name == "broken":
            raise error()
        return None

    return outcome


ERRORS: list[tuple[str, Callable[[], BaseException]]] = [
    ("no answer of the API server", lambda: UnavailableError("away")),
    ("a conflict", lambda: ConflictError("changed")),
    ("too many requests", lambda: TooManyRequestsError("slowly", retry_after_s=1.0)),
    ("the fence", lambda: FencedError("not the leader")),
    ("a bug", lambda: ZeroDivisionError("a bug")),
    ("work that was cancelled from within", asyncio.CancelledError),
]


@pytest.mark.parametrize(
    "error", [error[1] for error in ERRORS], ids=[error[0] for error in ERRORS]
)
def test_what_stops_one_object_stops_no_worker(error: Callable[[], BaseException]) -> None:
    """More failures than workers: all of them are still there for the others."""

    async def run() -> Reconciler:
        reconciler = Reconciler(failing(error))
        await run_for(101.0, reconciler, "broken", "sound", again_s=1.0, events=100)
        return reconciler

    reconciler = run_jumping(run())
    assert len(reconciler.times("broken")) > WORKERS
    assert len(reconciler.times("sound")) == 100


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level("CRITICAL"):
        yield
