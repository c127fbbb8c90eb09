"""Writes a large body to a file while it arrives, so that it takes disk and not memory.

Contract: parts are written in a thread, in order; up to WAITING_BYTES_MAX of them wait in memory,
after that ``is_behind`` asks the sender to stop until ``on_room`` is called. The file has no name,
so nothing is left behind by a process that dies. Whoever has the spool closes it.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from kubelambda.process.supervisor import Supervisor

WAITING_BYTES_MAX = 1_048_576


class SpoolError(Exception):
    """The body could not be written or read."""


class Spool:
    """One body, in a file below ``directory``, which is made if it is missing."""

    def __init__(
        self, directory: Path, supervisor: Supervisor, on_room: Callable[[], None]
    ) -> None:
        self._directory = directory
        self._supervisor = supervisor
        self._on_room = on_room
        self._file: IO[bytes] | None = None
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._closed = False
        self.failure = ""
        """Why the body cannot be kept; empty as long as it can."""

    @property
    def is_behind(self) -> bool:
        """Whether the disk is slower than the sender."""
        return self._waiting_bytes > WAITING_BYTES_MAX

    def add(self, part: bytes) -> None:
        """Write ``part`` once what comes before it is written; SpoolError if that failed."""
        if self.failure:
            raise SpoolError(self.failure)
        self._waiting.append(part)
        self._waiting_bytes += len(part)
        if self._writing is None:
            self._writing = self._supervisor.spawn("writing an upload", self._write(), self._fail)

    async def read(self) -> bytes:
        """The whole body; SpoolError if part of it could not be written or read."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        if self.failure:
            raise SpoolError(self.failure)
        try:
            return await asyncio.to_thread(self._read)
        except OSError as error:
            raise SpoolError(f"an upload cannot be read: {error}") from error

    def close(self) -> None:
        """Give up the body and its file; a second call changes nothing."""
        self._closed = True
        self._forget_waiting()
        if self._writing is None:
            self._close_file()

    async def _write(self) -> None:
        try:
            while self._waiting and not self._closed:
                parts, self._waiting = self._waiting, []
                await asyncio.to_thread(self._append, parts)
                self._waiting_bytes = sum(len(one) for one in self._waiting)
                self._on_room()
        except OSError as error:
            self._fail(error)
        except BaseException:
            self._closed = True
            raise
        finally:
            self._writing = None
            if self._closed:
                self._close_file()

    def _fail(self, error: BaseException) -> None:
        self.failure = f"an upload cannot be written: {error}"
        self._forget_waiting()
        self._on_room()

    def _append(self, parts: list[bytes]) -> None:
        if self._file is None:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115  # see close
        self._file.writelines(parts)
        if self._closed:
            self._close_file()

    def _read(self) -> bytes:
        if self._file is None:
            return b""
        self._file.seek(0)
        return self._file.read()

    def _forget_waiting(self) -> None:
        self._waiting = []
        self._waiting_bytes = 0

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # of what is still to be written: nobody wants it
                file.close()
