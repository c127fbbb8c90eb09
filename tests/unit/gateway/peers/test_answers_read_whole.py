"""What another process answers is read whole, however it arrives, and no further than its limit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from kubelambda.core.coordination.membership import Heartbeat, Member, View, encode_heartbeat
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.demand import (
    DemandReply,
    DemandReport,
    Drain,
    encode_reply,
)
from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.gateway.peers.heartbeats import HEARTBEAT_BYTES_MAX, HEARTBEAT_PATH, HttpHeartbeats
from kubelambda.gateway.peers.membership import PeerUnreachableError
from kubelambda.gateway.pools.demand_reporter import DemandError
from kubelambda.gateway.pools.demand_sink import REPLY_BYTES_MAX, HttpDemandSink
from kubelambda.process.signatures import Signatures

MASTER = b"m" * 32
SIGNATURES = Signatures.derive(MASTER, 1)
SENDER = Heartbeat(Member("a", "a"), View(), serving=True)


@asynccontextmanager
async def answering(
    build: Callable[[web.Request], Awaitable[tuple[bytes, str]]],
) -> AsyncIterator[str]:
    """A server whose answers come in three writes, with pauses between them."""

    async def serve(request: web.Request) -> web.StreamResponse:
        body, signature = await build(request)
        response = web.StreamResponse(headers={SIGNATURE_HEADER: signature})
        response.content_length = len(body)
        await response.prepare(request)
        third = len(body) // 3
        for piece in (body[:third], body[third : 2 * third], body[2 * third :]):
            await response.write(piece)
            await asyncio.sleep(0.02)
        return response

    application = web.Application()
    application.router.add_post("/{path:.*}", serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def make_heartbeat(functions: int) -> Heartbeat:
    in_flight = {FunctionRef("shop", f"function-{one:040}"): 1 for one in range(functions)}
    return Heartbeat(Member("b", "b"), View(), serving=True, in_flight=in_flight)


@pytest.mark.parametrize("functions", [0, 1, 1_000])
async def test_a_heartbeat_that_comes_in_pieces_is_read_whole(
    functions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubelambda.gateway.peers.heartbeats.EXCHANGE_S", 30.0)
    reply = make_heartbeat(functions)

    async def build(request: web.Request) -> tuple[bytes, str]:
        body = encode_heartbeat(reply)
        signature = request.headers[SIGNATURE_HEADER]
        return body, SIGNATURES.sign_reply(HEARTBEAT_PATH, signature, body)

    heartbeats = HttpHeartbeats(SIGNATURES)
    async with answering(build) as address:
        try:
            assert await heartbeats.exchange(address, SENDER) == reply
        finally:
            await heartbeats.close()


async def test_a_heartbeat_over_the_limit_is_no_heartbeat() -> None:
    async def build(request: web.Request) -> tuple[bytes, str]:
        body = encode_heartbeat(make_heartbeat(1)) + b" " * HEARTBEAT_BYTES_MAX
        signature = request.headers[SIGNATURE_HEADER]
        return body, SIGNATURES.sign_reply(HEARTBEAT_PATH, signature, body)

    heartbeats = HttpHeartbeats(SIGNATURES)
    async with answering(build) as address:
        with pytest.raises(PeerUnreachableError, match="more than"):
            await heartbeats.exchange(address, SENDER)
        await heartbeats.close()


async def test_a_demand_reply_that_comes_in_pieces_is_read_whole() -> None:
    reply = DemandReply(tuple(Drain("shop", "f", f"pod-{one:040}") for one in range(1_000)), 7)

    async def build(request: web.Request) -> tuple[bytes, str]:
        return encode_reply(reply), ""

    async with answering(build) as address:
        sink = HttpDemandSink(f"http://{address}", Signatures.derive(MASTER, 1))
        assert await sink.report(DemandReport("g", 7)) == reply
        await sink.close()


async def test_a_demand_reply_over_the_limit_is_refused() -> None:
    async def build(request: web.Request) -> tuple[bytes, str]:
        return encode_reply(DemandReply()) + b" " * REPLY_BYTES_MAX, ""

    async with answering(build) as address:
        sink = HttpDemandSink(f"http://{address}", Signatures.derive(MASTER, 1))
        with pytest.raises(DemandError, match="more than"):
            await sink.report(DemandReport("g", 7))
        await sink.close()
