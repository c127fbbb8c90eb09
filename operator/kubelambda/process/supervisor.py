"""Tasks that must go on, and tasks that must answer: one owner for both.

Contract, in rules that the tests name:

- T1 a kept task that ends without being asked to, by an exception or by returning, is logged with
  its name and started again after a delay that doubles up to RESTART_S_MAX; one that has run for
  STEADY_S starts from the shortest delay again. Something that it awaited and that was cancelled
  is an exception like any other; so it is in T3.
- T2 while a kept task is down, or has been restarted RESTARTS_UNREADY times without becoming
  steady, ``check_ready`` says so; after RESTARTS_FATAL such restarts ``check_live`` does, so that
  the kubelet restarts the process.
- T3 spawned work that raises is logged, and its ``on_error`` is called: whoever waits for an answer
  gets one.
- T4 ``close`` cancels all of it and returns when it has ended.

Lives on one event loop.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from kubelambda.core.backoff import exponential_delay_s
from kubelambda.process.cancellation import is_ending

logger = logging.getLogger(__name__)

RESTART_S_MIN = 0.2
RESTART_S_MAX = 30.0
STEADY_S = 60.0
RESTARTS_UNREADY = 3
RESTARTS_FATAL = 10


@dataclass(slots=True)
class _Once:
    has_begun: bool = False


@dataclass(slots=True)
class _Kept:
    restarts: int = 0
    """Restarts since it was last steady."""
    is_down: bool = False
    failure: str = ""


class Supervisor:
    """Owns the tasks of a process or of one of its parts until ``close``."""

    def __init__(self, *, restart_s_min: float = RESTART_S_MIN, steady_s: float = STEADY_S) -> None:
        self._restart_s_min = restart_s_min
        self._steady_s = steady_s
        self._kept: dict[str, _Kept] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Call ``run`` now and whenever it ends, until ``close``; ``name`` is unique here.

        Cancelling the task that is returned ends it earlier.
        """
        if name in self._kept:
            raise ValueError(f"a task named {name!r} is kept already")
        state = self._kept[name] = _Kept()
        return self._start(self._keep(name, run, state), name)

    def spawn(
        self,
        name: str,
        work: Coroutine[Any, Any, None],
        on_error: Callable[[BaseException], None] | None = None,
    ) -> asyncio.Task[None]:
        """Run ``work`` once; if it raises, log it and call ``on_error`` with the exception."""
        once = _Once()
        task = self._start(self._run_once(name, work, on_error, once), name)

        def close_if_unbegun(_: asyncio.Task[None]) -> None:
            # A task that is cancelled before its first step never starts ``work``: without this,
            # Python would warn that it was never awaited. One that has begun has ended, too, and
            # what mypyc compiled must not be closed then (ADR 10).
            if not once.has_begun:
                work.close()

        task.add_done_callback(close_if_unbegun)
        return task

    def check_ready(self) -> str:
        """Empty while every kept task does its work; else a sentence about the first that fails."""
        return self._describe(RESTARTS_UNREADY)

    def check_live(self) -> str:
        """Empty unless a kept task fails again and again: then only a new process can help."""
        for name, state in self._kept.items():
            if state.restarts >= RESTARTS_FATAL:
                return f"{name} has failed {state.restarts} times in a row: {state.failure}"
        return ""

    async def close(self) -> None:
        """Cancel every task and wait for their ends."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]], state: _Kept) -> None:
        loop = asyncio.get_running_loop()
        while True:
            steady = loop.call_later(self._steady_s, self._forget_failures, state)
            try:
                await run()
                state.failure = "it returned"
                logger.error("%s ended, which it never should", name)
            except (Exception, asyncio.CancelledError) as error:
                if is_ending():
                    raise
                state.failure = repr(error)
                logger.exception("%s failed", name)
            finally:
                steady.cancel()
            state.restarts += 1
            state.is_down = True
            delay_s = exponential_delay_s(state.restarts - 1, self._restart_s_min, RESTART_S_MAX)
            logger.warning("%s starts again in %.1f s", name, delay_s)
            await asyncio.sleep(delay_s)
            state.is_down = False

    def _forget_failures(self, state: _Kept) -> None:
        state.restarts = 0

    async def _run_once(
        self,
        name: str,
        work: Coroutine[Any, Any, None],
        on_error: Callable[[BaseException], None] | None,
        once: _Once,
    ) -> None:
        once.has_begun = True
        try:
            await work
        except (Exception, asyncio.CancelledError) as error:
            if is_ending():
                raise
            logger.exception("%s failed", name)
            if on_error is not None:
                on_error(error)

    def _describe(self, restarts_max: int) -> str:
        for name, state in self._kept.items():
            if state.is_down or state.restarts >= restarts_max:
                return f"{name} is failing: {state.failure}"
        return ""
