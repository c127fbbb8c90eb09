"""Following the files and directories that local mode was given.

Contract: ``on_edit`` is called soon after each change below the paths, ``on_look`` about each
LOOK_MS without one; both go on being called whatever they raise. A path may be removed, made again
or replaced at any time: editors and ``git checkout`` put another file in a file's place, which a
watch of the former one does not tell.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from watchfiles import awatch

logger = logging.getLogger(__name__)

LOOK_MS = 1_000
_DEBOUNCE_MS = 200
_STEP_MS = 50

Identity = tuple[int, ...] | None


async def follow_edits(
    paths: Sequence[Path],
    stop: asyncio.Event,
    *,
    on_edit: Callable[[], None],
    on_look: Callable[[], None],
) -> None:
    """Until ``stop`` is set."""
    seen = _identify(paths)
    while not stop.is_set():
        try:
            await _watch(paths, seen, stop, on_edit, on_look)
        except OSError as error:
            logger.warning("the files cannot be watched: %s; they are looked at each second", error)
            await _wait(stop)
        present = _identify(paths)
        if present != seen:
            seen = present
            _call(on_edit)


async def _watch(
    paths: Sequence[Path],
    seen: Sequence[Identity],
    stop: asyncio.Event,
    on_edit: Callable[[], None],
    on_look: Callable[[], None],
) -> None:
    """Until one of ``paths`` is not what was seen: what is there now wants a watch of its own."""
    existing = [path for path in paths if path.exists()]
    if not existing:
        await _wait(stop)
        return
    edits = awatch(
        *existing,
        stop_event=stop,
        debounce=_DEBOUNCE_MS,
        step=_STEP_MS,
        rust_timeout=LOOK_MS,
        yield_on_timeout=True,
    )
    async with contextlib.aclosing(edits):
        async for changes in edits:
            if _identify(paths) != seen:
                return
            _call(on_edit if changes else on_look)


async def _wait(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_MS / 1000):
            await stop.wait()


def _call(what: Callable[[], None]) -> None:
    try:
        what()
    except Exception:
        logger.exception("the files cannot be read; what was read before is served")


def _identify(paths: Sequence[Path]) -> list[Identity]:
    return [_identify_one(path) for path in paths]


def _identify_one(path: Path) -> Identity:
    """What changes where another file or directory is there, or a file has another content."""
    try:
        found = path.stat()
    except OSError:
        return None
    if path.is_dir():
        return (found.st_dev, found.st_ino)
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
