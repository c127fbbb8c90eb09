"""Our agent writes the frames of a plain event as the gateway knows them without JSON.

Were one of the two to write otherwise, everything would still work, and every event cost more.
"""

import asyncio
import contextlib

from integration.conftest import Installation
from kubelambda.core.wire.event_frames import (
    encode_beginning,
    is_plain_end,
    is_plain_idle,
    is_plain_response,
)
from kubelambda.core.wire.frames import FrameDecoder, FrameType

SOURCE = "def handler(event, context):\n    return event\n"


class Tap:
    """Passes connections on to a gateway and keeps what agents send."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.received = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_gateway = await asyncio.open_connection("127.0.0.1", self._port)

        async def pass_on(
            source: asyncio.StreamReader, target: asyncio.StreamWriter, *, keep: bool
        ) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65_536):
                    if keep:
                        self.received += data
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(
            pass_on(reader, to_gateway, keep=True), pass_on(upstream, writer, keep=False)
        )


async def test_a_real_agents_plain_event_is_known_by_its_bytes(installation: Installation) -> None:
    tap = Tap(installation.gateway.internal_port)
    server = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
    installation.environments.gateway_address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        installation.put("plain", SOURCE)
        answers = [await installation.invoke("plain", {"number": number}) for number in range(3)]
        assert [answer["Payload"] for answer in answers] == [
            {"number": number} for number in range(3)
        ]
        ids = [answer["ResponseMetadata"]["RequestId"] for answer in answers]
        frames = await wait_for_idle(tap, len(ids))
    finally:
        server.close()
    for position, request_id in enumerate(ids):
        beginning = encode_beginning(request_id)
        assert is_plain_response(frames[FrameType.RESPONSE][position], beginning)
        assert is_plain_end(frames[FrameType.RESPONSE_END][position], beginning)
        assert is_plain_idle(frames[FrameType.IDLE][position], beginning)


async def wait_for_idle(tap: Tap, count: int) -> dict[int, list[bytes]]:
    """The payloads of all frames by their types, once ``count`` events are over."""
    async with asyncio.timeout(30):
        while True:
            decoder = FrameDecoder()
            decoder.authenticated = True
            frames: dict[int, list[bytes]] = {}
            for kind, payload in decoder.feed(tap.received.partition(b"\r\n\r\n")[2]):
                frames.setdefault(kind, []).append(payload)
            if len(frames.get(FrameType.IDLE, ())) == count:
                return frames
            await asyncio.sleep(0.05)
