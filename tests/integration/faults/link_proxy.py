"""A TCP proxy between agents and their gateway that cuts and stalls as a bad network would."""

import asyncio
import contextlib

PIECE_BYTES = 16_384


class Pipe:
    """One agent's connection, in both directions."""

    def __init__(self) -> None:
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.passed = {"to gateway": 0, "to agent": 0}
        self.cut_after: dict[str, int] = {}
        self.writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()

    async def run(
        self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(PIECE_BYTES):
                await self.flowing.wait()
                self.passed[direction] += len(piece)
                if self.passed[direction] > self.cut_after.get(direction, 1 << 40):
                    break
                writer.write(piece)
                await writer.drain()
        await self.flowing.wait()
        self.cut()


class LinkProxy:
    """Agents dial ``port``; what they say goes to the gateway at ``target``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self.pipes: list[Pipe] = []
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """End all connections; agents may dial again."""
        for pipe in self.pipes:
            pipe.cut()

    def cut_after(self, direction: str, count: int) -> None:
        """End each connection when so many more bytes have passed that way."""
        for pipe in self.pipes:
            pipe.cut_after[direction] = pipe.passed[direction] + count

    def stall(self) -> None:
        """From now on nothing passes on what is open, neither bytes nor ends."""
        for pipe in self.pipes:
            pipe.flowing.clear()

    def resume(self) -> None:
        for pipe in self.pipes:
            pipe.flowing.set()

    async def close(self) -> None:
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = Pipe()
        pipe.writers.append(writer)
        self.pipes.append(pipe)
        try:
            gateway_reader, gateway_writer = await asyncio.open_connection(
                "127.0.0.1", self._target
            )
        except ConnectionError:
            pipe.cut()
            return
        pipe.writers.append(gateway_writer)
        for run in (
            pipe.run("to gateway", reader, gateway_writer),
            pipe.run("to agent", gateway_reader, writer),
        ):
            task = asyncio.create_task(run)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
