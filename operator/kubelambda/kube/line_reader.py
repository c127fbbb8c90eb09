"""Lines of an answer that comes little by little, from a blocking thread to a coroutine.

Contract: ``iter_lines`` raises what opening or reading raises (``kube.errors``). LIMIT: a reader
whose coroutine has stopped ends with its answer, not before.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable

from kubelambda.kube.errors import KubeError
from kubelambda.kube.transport import Answer

_Item = bytes | Exception | None
"""A line, the error that ended it, or the end."""


async def iter_lines(open_answer: Callable[[], Answer]) -> AsyncIterator[bytes]:
    """The lines, of any length, without their ends; empty ones are left out."""
    items: asyncio.Queue[_Item] = asyncio.Queue()
    reader = _Reader(open_answer, asyncio.get_running_loop(), items)
    threading.Thread(target=reader.run, name="kube-watch", daemon=True).start()
    try:
        while (item := await items.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        reader.stopped = True


class _Reader:
    def __init__(
        self,
        open_answer: Callable[[], Answer],
        loop: asyncio.AbstractEventLoop,
        items: asyncio.Queue[_Item],
    ) -> None:
        self._open_answer = open_answer
        self._loop = loop
        self._items = items
        self.stopped = False

    def run(self) -> None:
        try:
            self._read()
        except KubeError as error:
            self._tell(error)
        except Exception as error:  # noqa: BLE001  # the boundary of the thread: its reader is told
            self._tell(error)
        else:
            self._tell(None)

    def _read(self) -> None:
        buffer = bytearray()
        for chunk in self._open_answer().iter_chunks():
            if self.stopped:
                return
            buffer += chunk
            *lines, rest = bytes(buffer).split(b"\n")
            buffer = bytearray(rest)
            for line in lines:
                if line:
                    self._tell(line)

    def _tell(self, item: _Item) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and who listened with it
            self._loop.call_soon_threadsafe(self._items.put_nowait, item)
