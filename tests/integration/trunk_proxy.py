"""A proxy before a gateway's internal port that can cut trunks after any frame."""

import asyncio
import contextlib
from collections.abc import Callable

from kubelambda.core.wire import trunk_opening
from kubelambda.core.wire.trunk_frames import FrameCutter, encode_frame

HOST = "127.0.0.2"
"""The gateways listen at 127.0.0.1 and are known by this one, with the same ports."""
REAL_HOST = "127.0.0.1"

Cut = Callable[[str, int], bool]
"""Whether to cut after a frame: ``to the owner`` or ``to the asker``, and its type."""


class TrunkProxy:
    """Everything passes that is no trunk: heartbeats and links, too."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.trunks = 0
        self.frames: list[tuple[str, int]] = []
        self.should_cut: Cut = lambda direction, frame_type: False
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)

    async def close(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there = await asyncio.open_connection(REAL_HOST, self.port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, there}
        first = await reader.read(65_536)
        is_trunk = trunk_opening.is_opening(first) is True
        self.trunks += is_trunk
        there.write(first)
        cut = _Cut(writer, there)
        for direction, source, sink in (
            ("to the owner", reader, there),
            ("to the asker", there_reader, writer),
        ):
            skips_head = is_trunk and direction == "to the asker"
            cutter = FrameCutter() if is_trunk else None
            work = self._pump(source, sink, direction, cutter, cut, skips_head=skips_head)
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        direction: str,
        cutter: FrameCutter | None,
        cut: "_Cut",
        *,
        skips_head: bool,
    ) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if skips_head:
                sink.write(await source.readuntil(b"\r\n\r\n"))
            while data := await source.read(65_536):
                if cutter is None:
                    sink.write(data)
                    await sink.drain()
                    continue
                for frame in cutter.feed(data):
                    if cut.is_near:
                        return
                    self.frames.append((direction, frame[0]))
                    sink.write(encode_frame(*frame))
                    if self.should_cut(direction, frame[0]):
                        cut.is_near = True  # the other direction ends with this frame, too
                        await sink.drain()
                        await asyncio.sleep(0.01)  # the other end has it
                        cut.happen()
                        return
        sink.close()
        self._writers.discard(sink)


class _Cut:
    """The end of one connection, both ways."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self.is_near = False

    def happen(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
