"""No change of the files that local mode serves is missed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kubelambda.local import file_watch
from kubelambda.local.file_watch import watch_files


async def test_what_changed_before_the_watch_began_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files were read, one was written, and only then does the watch begin."""

    async def watch_too_late(*_: Path, **__: Any) -> AsyncIterator[set[Any]]:
        while True:
            await asyncio.sleep(0)
            yield set()

    monkeypatch.setattr(file_watch, "awatch", watch_too_late)
    calls: list[str] = []

    def note_tick() -> None:
        calls.append("tick")
        if calls.count("tick") == 2:
            watching.cancel()

    watching = asyncio.create_task(
        watch_files([tmp_path], on_change=lambda: calls.append("change"), on_tick=note_tick)
    )
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert calls == ["change", "tick", "tick"]
