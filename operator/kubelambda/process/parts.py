"""The parts of a process that only make sense together.

Contract: ``run_parts`` returns only because ``stop`` was set. The first part that ends otherwise,
by an exception or by returning, ends all of them: it is logged by its name and PartEndedError is
raised. All parts have been cancelled by then; one that does not heed that is left behind after
CANCEL_S, and the log says so.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

logger = logging.getLogger(__name__)

CANCEL_S = 8.0


class PartEndedError(Exception):
    """A part that must go on has ended; the cause is its exception, if it had one."""


async def run_parts(parts: Mapping[str, Coroutine[Any, Any, Any]], stop: asyncio.Event) -> None:
    """Run all parts, by name, until ``stop`` is set or the first of them ends."""
    tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        ended = [task for task in tasks if task.done()]
    finally:
        await _cancel([*tasks, stopping])
    for task in ended:
        _tell_end(task)


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    _, left = await asyncio.wait(tasks, timeout=CANCEL_S)
    for task in left:
        logger.error("%s did not end within %.0f s; it is left behind", task.get_name(), CANCEL_S)


def _tell_end(task: asyncio.Task[Any]) -> None:
    name = task.get_name()
    error = None if task.cancelled() else task.exception()
    if error is None:
        logger.critical("%s ended, which it never should", name)
        raise PartEndedError(f"{name} ended, which it never should")
    logger.critical("%s failed: %r", name, error, exc_info=error)
    raise PartEndedError(f"{name} failed: {error!r}") from error
