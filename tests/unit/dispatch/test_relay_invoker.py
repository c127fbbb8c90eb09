"""The dispatcher's client of gateways, against peers over real sockets that behave or do not."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.errors import ApiError, function_deleted, throttled
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.relay import (
    BEGUN_SIGN,
    META_HEADER,
    POSITIONAL,
    SIGN_OF_LIFE,
    VERSION,
    RelayRequest,
    decode_request,
)
from kubelambda.core.wire.relay_outcome import (
    OUTCOME_HEADER,
    OUTCOME_IN_BODY,
    encode_outcome,
    encode_outcome_body,
)
from kubelambda.dispatch.relay import REPLY_BYTES_MAX, RelayInvoker
from kubelambda.process.signatures import Signatures
from unit.dispatch.fakes import Dispatching, until

EVENT = QueuedEvent(
    "r-1",
    "default",
    "hello",
    b'{"n":1}',
    accepted_at=1.0,
    function_uid="uid-1",
    qualifier="live",
    trace_id="Root=1",
)
OUTCOME = Outcome(b'{"ok":true}')
SILENCE_S = 1.0
Answer = Callable[[asyncio.StreamWriter, RelayRequest], Awaitable[None]]


class Peer:
    """A gateway's internal listener that answers each request with ``answer``."""

    def __init__(self) -> None:
        self.answer: Answer = hang
        self.requests: list[RelayRequest] = []
        self.headers: list[str] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                values = dict(
                    line.split(": ", 1) for line in head.lower().splitlines()[1:] if ": " in line
                )
                await reader.readexactly(int(values["content-length"]))
                (meta,) = [
                    line.partition(": ")[2]
                    for line in head.splitlines()
                    if line.lower().startswith(META_HEADER)
                ]
                self.requests.append(decode_request(meta))
                await self.answer(writer, self.requests[-1])
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    async def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await asyncio.sleep(0)


async def hang(_: asyncio.StreamWriter, __: RelayRequest) -> None:
    await asyncio.Event().wait()


async def begin(writer: asyncio.StreamWriter) -> None:
    writer.write(
        f"HTTP/1.1 200 OK\r\n{OUTCOME_HEADER}: {OUTCOME_IN_BODY}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    await writer.drain()


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()


def answer_with(*parts: bytes, pause_s: float = 0.0) -> Answer:
    async def answer(writer: asyncio.StreamWriter, _: RelayRequest) -> None:
        await begin(writer)
        for part in parts:
            await send(writer, part)
            await asyncio.sleep(pause_s)
        writer.write(b"0\r\n\r\n")

    return answer


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    one = Peer()
    yield one
    await one.close()


@pytest.fixture
async def invoker(peer: Peer) -> AsyncIterator[RelayInvoker]:
    one = RelayInvoker(await peer.start(), Signatures.derive(b"m" * 32, 1), silence_s_max=SILENCE_S)
    yield one
    await one.close()


def ignore() -> None:
    pass


async def test_everything_about_the_event_is_sent(peer: Peer, invoker: RelayInvoker) -> None:
    peer.answer = answer_with(SIGN_OF_LIFE, encode_outcome_body(OUTCOME))
    assert await invoker.invoke(EVENT, ignore) == OUTCOME
    assert peer.requests == [
        RelayRequest(
            "r-1",
            "default",
            "hello",
            function_uid="uid-1",
            qualifier="live",
            trace_id="Root=1",
            may_repeat=True,
            signs_of_life=True,
        )
    ]


@pytest.mark.parametrize(
    "outcome",
    [
        OUTCOME,
        Outcome(b"\n+ {}\n", function_error=True),
        Outcome(b""),
        Outcome(b"x" * 1_000_000),
        throttled("ReservedFunctionConcurrentInvocationLimitExceeded"),
        function_deleted("arn"),
    ],
    ids=["payload", "payload of signs", "empty", "large", "throttled", "deleted"],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
async def test_the_outcome_is_read_however_it_is_cut(
    peer: Peer, invoker: RelayInvoker, outcome: Outcome | ApiError, size: int
) -> None:
    whole = SIGN_OF_LIFE * 2 + BEGUN_SIGN + SIGN_OF_LIFE + encode_outcome_body(outcome)
    head, rest = whole[:40], whole[40:]
    parts = [head[at : at + size] for at in range(0, len(head), size)]
    peer.answer = answer_with(*parts, *([rest] if rest else []))
    begun: list[bool] = []
    assert await invoker.invoke(EVENT, lambda: begun.append(True)) == outcome
    assert begun == [True]


async def test_a_gateway_that_accepts_and_then_is_silent_is_given_up(
    peer: Peer, invoker: RelayInvoker
) -> None:
    """F8: a black hole; nobody knows how the run ended."""
    assert await invoker.invoke(EVENT, ignore) == Dropped()
    assert len(peer.requests) == 1


@pytest.mark.parametrize("signs", [b"", SIGN_OF_LIFE, SIGN_OF_LIFE + BEGUN_SIGN, b'\n{"v":'])
async def test_a_gateway_that_falls_silent_later_is_given_up(
    peer: Peer, invoker: RelayInvoker, signs: bytes
) -> None:
    async def answer(writer: asyncio.StreamWriter, request: RelayRequest) -> None:
        await begin(writer)
        if signs:
            await send(writer, signs)
        await hang(writer, request)

    peer.answer = answer
    assert await invoker.invoke(EVENT, ignore) == Dropped()


async def test_a_gateway_that_proves_to_be_alive_is_waited_for(
    peer: Peer, invoker: RelayInvoker
) -> None:
    """For as long as it takes: here twice the silence that is borne."""
    parts = [SIGN_OF_LIFE] * 20
    peer.answer = answer_with(*parts, encode_outcome_body(OUTCOME), pause_s=SILENCE_S / 10)
    assert await invoker.invoke(EVENT, ignore) == OUTCOME


@pytest.mark.parametrize("when", ["before the answer", "within the answer"])
async def test_a_connection_that_is_lost_says_nothing_about_the_run(
    peer: Peer, invoker: RelayInvoker, when: str
) -> None:
    async def answer(writer: asyncio.StreamWriter, _: RelayRequest) -> None:
        if when == "within the answer":
            await begin(writer)
            await send(writer, SIGN_OF_LIFE)
        writer.transport.abort()

    peer.answer = answer
    assert await invoker.invoke(EVENT, ignore) == Dropped()


async def test_a_gateway_of_the_release_before_is_asked_as_it_understands(
    peer: Peer, invoker: RelayInvoker
) -> None:
    """It refuses what it cannot read with 400, and answers the positional form in its header."""

    async def answer(writer: asyncio.StreamWriter, request: RelayRequest) -> None:
        if request.version == VERSION:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        header, body = encode_outcome(OUTCOME, POSITIONAL)
        writer.write(
            b"HTTP/1.1 102 Processing\r\n\r\n"
            + f"HTTP/1.1 200 OK\r\n{OUTCOME_HEADER}: {header}\r\n".encode()
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )

    peer.answer = answer
    assert await invoker.invoke(EVENT, ignore) == OUTCOME
    assert [request.version for request in peer.requests] == [VERSION, POSITIONAL]


@pytest.mark.parametrize("status", [401, 404, 413, 421, 500])
async def test_another_status_is_an_error_of_the_platform(
    peer: Peer, invoker: RelayInvoker, status: int
) -> None:
    async def answer(writer: asyncio.StreamWriter, _: RelayRequest) -> None:
        writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())

    peer.answer = answer
    result = await invoker.invoke(EVENT, ignore)
    assert isinstance(result, ApiError)
    assert (result.status, result.is_gone) == (503, False)
    assert str(status) in result.message


async def test_where_nothing_listens_nothing_has_run() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        invoker = RelayInvoker(
            f"127.0.0.1:{bound.getsockname()[1]}", Signatures.derive(b"m" * 32, 1)
        )
        result = await invoker.invoke(EVENT, ignore)
        await invoker.close()
    assert isinstance(result, ApiError)
    assert result.status == 503


async def test_a_gateway_that_answers_without_end_is_not_listened_to(
    peer: Peer, invoker: RelayInvoker
) -> None:
    """The event may have run: nobody knows what its outcome was."""
    peer.answer = answer_with(
        SIGN_OF_LIFE, *[b"x" * 1_048_576] * (REPLY_BYTES_MAX // 1_048_576 + 1)
    )
    assert await invoker.invoke(EVENT, ignore) == Dropped()


async def test_d2_the_event_of_a_silent_gateway_is_run_again_under_its_request_id(
    peer: Peer, invoker: RelayInvoker
) -> None:
    dispatching = Dispatching()
    dispatching.invoker = invoker  # type: ignore[assignment]
    await dispatching.memory.publish(replace(EVENT, accepted_at=dispatching.clock.now))
    one = dispatching.start()
    await until(lambda: dispatching.queue.steps["ack"])
    await until(lambda: not one.held)
    assert len(dispatching.memory) == 1, "its successor"
    peer.answer = answer_with(SIGN_OF_LIFE, encode_outcome_body(OUTCOME))
    dispatching.clock.now += 2
    await until(lambda: not len(dispatching.memory))
    assert [request.request_id for request in peer.requests] == ["r-1", "r-1"]
    await dispatching.close()
