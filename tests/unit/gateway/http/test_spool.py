"""An upload on its way to disk: whole or an error, bounded in memory, nothing left behind."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path, PosixPath

import pytest

from kubelambda.gateway.http.spool import WAITING_BYTES_MAX, Spool, SpoolError
from kubelambda.process.supervisor import Supervisor


class SlowDirectory(PosixPath):
    """A disk that does nothing until it is let."""

    go = threading.Event()

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        self.go.wait(30)
        super().mkdir(mode, parents, exist_ok)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[SlowDirectory]:
    SlowDirectory.go.clear()
    yield SlowDirectory(tmp_path / "uploads")
    SlowDirectory.go.set()


async def test_what_is_read_is_all_that_was_added_in_order(tmp_path: Path) -> None:
    supervisor = Supervisor()
    spool = Spool(tmp_path / "uploads", supervisor, lambda: None)
    parts = [b"%d" % number * 1_000 for number in range(200)]
    for part in parts:
        spool.add(part)
        if part.startswith(b"7"):
            await asyncio.sleep(0)
    assert await spool.read() == b"".join(parts)
    spool.close()
    spool.close()
    assert list((tmp_path / "uploads").iterdir()) == []
    await supervisor.close()


async def test_nothing_added_is_nothing_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "uploads", Supervisor(), lambda: None)
    assert await spool.read() == b""
    spool.close()


async def test_a_slow_disk_makes_the_sender_wait_and_stops_nobody_else(
    slow: SlowDirectory,
) -> None:
    room, supervisor = asyncio.Event(), Supervisor()
    spool = Spool(slow, supervisor, room.set)
    spool.add(b"x" * WAITING_BYTES_MAX)
    assert not spool.is_behind
    spool.add(b"x")
    assert spool.is_behind
    slow.go.set()
    async with asyncio.timeout(30):
        while spool.is_behind:
            room.clear()
            await room.wait()
    assert len(await spool.read()) == WAITING_BYTES_MAX + 1
    spool.close()
    await supervisor.close()


async def test_a_disk_that_fails_is_an_error_for_whoever_adds_or_reads(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("in the way")
    room, supervisor = asyncio.Event(), Supervisor()
    spool = Spool(tmp_path / "uploads", supervisor, room.set)
    spool.add(b"x")
    async with asyncio.timeout(30):
        await room.wait()
    with pytest.raises(SpoolError, match="exists"):
        await spool.read()
    with pytest.raises(SpoolError, match="exists"):
        spool.add(b"x")
    spool.close()
    await supervisor.close()


async def test_a_spool_closed_while_it_is_written_leaves_no_file_open(slow: SlowDirectory) -> None:
    """An open file would be a warning here, and warnings are errors."""
    supervisor = Supervisor()
    spool = Spool(slow, supervisor, lambda: None)
    spool.add(b"x" * 100)
    await asyncio.sleep(0)
    spool.close()
    slow.go.set()
    await supervisor.close()
