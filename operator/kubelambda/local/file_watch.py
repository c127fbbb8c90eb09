"""Watching the files and directories that local mode serves.

Contract: ``on_change`` is called soon after each change below the paths, ``on_tick`` about once in
TICK_MS in which nothing changed; both go on being called whatever they raise. A path may be
removed, made again or replaced at any time: editors and ``git checkout`` put a new file in the
place of the old one, and a watch of the old file does not notice that.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from watchfiles import awatch

logger = logging.getLogger(__name__)

TICK_MS = 1_000
_DEBOUNCE_MS = 200
_STEP_MS = 50

Identity = tuple[int, ...] | None


async def watch_files(
    paths: Sequence[Path], *, on_change: Callable[[], None], on_tick: Callable[[], None]
) -> None:
    """Watch until cancelled."""
    watched = _identify(paths)
    while True:
        try:
            await _watch(paths, watched, on_change, on_tick)
        except OSError as error:
            logger.warning("cannot watch the files: %s; looking at them every second", error)
            await asyncio.sleep(TICK_MS / 1000)
        present = _identify(paths)
        if present != watched:
            watched = present
            _call(on_change)


async def _watch(
    paths: Sequence[Path],
    watched: Sequence[Identity],
    on_change: Callable[[], None],
    on_tick: Callable[[], None],
) -> None:
    """Return once another file or directory is at one of ``paths``: it needs a watch of its own."""
    existing = [path for path in paths if path.exists()]
    if not existing:
        await asyncio.sleep(TICK_MS / 1000)
        _call(on_tick)
        return
    events = awatch(
        *existing,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        rust_timeout=TICK_MS,
        yield_on_timeout=True,
    )
    # What changed after the files were read and before this watch began is no event of it.
    may_have_changed = True
    async with contextlib.aclosing(events):
        async for changes in events:
            if _identify(paths) != watched:
                return
            _call(on_change if changes or may_have_changed else on_tick)
            may_have_changed = False


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        logger.exception("the files cannot be read; what was read before is still served")


def _identify(paths: Sequence[Path]) -> list[Identity]:
    return [_identify_one(path) for path in paths]


def _identify_one(path: Path) -> Identity:
    """Differs when another file or directory is there, or when a file's content has changed."""
    try:
        found = path.stat()
    except OSError:
        return None
    if path.is_dir():
        return (found.st_dev, found.st_ino)
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
