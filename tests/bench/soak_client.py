"""A client that sends one kind of request at an even rate, over connections that it keeps.

Contract: an answer of another kind than was asked for is a RuntimeError, since a slope of memory
says nothing where requests fail.
"""

import asyncio
import time

CONNECTIONS = 4
REFUSED = b"HTTP/1.1 400 "
OK = b"HTTP/1.1 200 "
STREAM_END = b"0\r\n\r\n"


class SoakClient:
    """Asks the gateway at ``port`` of loopback for ``function``."""

    def __init__(
        self, port: int, function: str, body: bytes, *, is_streamed: bool, leaves: bool
    ) -> None:
        self.sent = 0
        self._port = port
        self._is_streamed = is_streamed
        self._leaves = leaves
        self._expected = OK if body.endswith(b"}") else REFUSED
        path = (
            f"/2021-11-15/functions/{function}/response-streaming-invocations"
            if is_streamed
            else f"/2015-03-31/functions/{function}/invocations"
        )
        head = f"POST {path} HTTP/1.1\r\nHost: soak\r\nContent-Length: {len(body)}\r\n\r\n"
        self._request = head.encode() + body

    async def send(self, seconds: float, rate: float) -> None:
        """Send for so long; the connections share the rate."""
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                late_s = number / rate
                group.create_task(self._keep_sending(seconds, CONNECTIONS / rate, late_s))

    async def _keep_sending(self, seconds: float, pause_s: float, late_s: float) -> None:
        begin = time.monotonic()
        due = begin + late_s
        streams = None
        try:
            while due < begin + seconds:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due += pause_s
                if streams is None:
                    streams = await asyncio.open_connection("127.0.0.1", self._port)
                reader, writer = streams
                writer.write(self._request)
                self.sent += 1
                if self._leaves:
                    await asyncio.sleep(0.001)
                    writer.transport.abort()
                    streams = None
                else:
                    await self._read_answer(reader)
        finally:
            if streams is not None:
                streams[1].transport.abort()

    async def _read_answer(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(self._expected):
            raise RuntimeError(f"{self._expected!r} was expected, not {head!r}")
        if self._is_streamed:
            rest = b""
            while not rest.endswith(STREAM_END):
                rest += await reader.readuntil(b"\r\n\r\n")
            return
        _, _, after = head.lower().partition(b"content-length:")
        await reader.readexactly(int(after.split(b"\r\n", 1)[0]))
