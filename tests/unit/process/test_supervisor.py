import asyncio
import inspect
import logging
from collections.abc import Callable

import pytest

from kubelambda.process.supervisor import RESTARTS_FATAL, RESTARTS_UNREADY, Supervisor


class Failing:
    """Fails ``times`` times, then runs for ever."""

    def __init__(self, times: int, error: BaseException | None = None) -> None:
        self.left = times
        self.starts = 0
        self.error = error

    async def run(self) -> None:
        self.starts += 1
        if self.left:
            self.left -= 1
            if self.error is not None:
                raise self.error
            return
        await asyncio.Event().wait()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    "error",
    [ValueError("odd"), asyncio.CancelledError(), None],
    ids=["raises", "is cancelled from within", "returns"],
)
async def test_t1_a_kept_task_that_ends_is_logged_and_started_again(
    error: BaseException | None, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor, failing = Supervisor(restart_s_min=0.001), Failing(2, error)
    with caplog.at_level(logging.ERROR):
        supervisor.keep("the sweep", failing.run)
        await until(lambda: failing.starts == 3)
    await supervisor.close()
    assert [record.getMessage().startswith("the sweep") for record in caplog.records] == [True] * 2


async def test_t2_readiness_says_which_task_is_down_and_forgets_it_when_it_is_steady() -> None:
    supervisor, failing = Supervisor(restart_s_min=0.05, steady_s=0.1), Failing(1, OSError("gone"))
    supervisor.keep("the sweep", failing.run)
    await until(lambda: supervisor.check_ready() != "")
    assert supervisor.check_ready() == "the sweep is failing: OSError('gone')"
    await until(lambda: supervisor.check_ready() == "")
    assert failing.starts == 2
    await supervisor.close()


async def test_t2_a_task_that_never_becomes_steady_ends_readiness_and_then_the_process() -> None:
    supervisor, failing = Supervisor(restart_s_min=0.0), Failing(RESTARTS_FATAL, OSError("gone"))
    supervisor.keep("the sweep", failing.run)
    await until(lambda: failing.starts > RESTARTS_UNREADY)
    assert supervisor.check_ready()
    await until(lambda: failing.left == 0)
    await until(lambda: failing.starts > RESTARTS_FATAL)
    assert supervisor.check_live() == "the sweep has failed 10 times in a row: OSError('gone')"
    await supervisor.close()


@pytest.mark.parametrize(
    "error",
    [LookupError("no such thing"), asyncio.CancelledError()],
    ids=["raises", "is cancelled from within"],
)
async def test_t3_spawned_work_that_fails_answers_whoever_waits(error: BaseException) -> None:
    supervisor, heard = Supervisor(), []

    async def fail() -> None:
        raise error

    supervisor.spawn("an upload", fail(), heard.append)
    await until(lambda: heard)
    assert heard == [error]
    await supervisor.close()


async def test_t4_what_close_has_cancelled_is_no_failure() -> None:
    supervisor, heard = Supervisor(), []
    supervisor.spawn("an upload", asyncio.sleep(3600), heard.append)
    await asyncio.sleep(0)
    await supervisor.close()
    assert heard == []


async def test_t4_close_cancels_kept_and_spawned_work_and_waits_for_it() -> None:
    supervisor, ended = Supervisor(), []

    async def wait(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    supervisor.keep("kept", lambda: wait("kept"))
    supervisor.spawn("spawned", wait("spawned"))
    await asyncio.sleep(0)
    await supervisor.close()
    assert sorted(ended) == ["kept", "spawned"]


async def test_t4_work_that_was_spawned_right_before_the_end_is_closed_with_it() -> None:
    """Python would warn of a coroutine that was never awaited."""
    supervisor = Supervisor()
    work = asyncio.sleep(60)
    supervisor.spawn("work that never began", work)
    await supervisor.close()
    assert inspect.getcoroutinestate(work) == inspect.CORO_CLOSED


async def test_two_kept_tasks_of_one_name_are_refused() -> None:
    supervisor = Supervisor()
    supervisor.keep("one", asyncio.Event().wait)
    with pytest.raises(ValueError, match="'one' is kept already"):
        supervisor.keep("one", asyncio.Event().wait)
    await supervisor.close()
