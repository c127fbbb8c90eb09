"""InternalClient, against servers over real sockets that behave or do not."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
from aiohttp import ClientResponse

from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.process.internal_client import (
    CONNECT_S,
    InternalClient,
    InternalReply,
    InternalRequestError,
    OpenReply,
    open_socket,
)
from unit.jumping_loop import on_jumping_loop
from unit.signing import make_signatures

SIGNATURES = make_signatures(b"k" * 32)
PATH = "/internal/v1/thing"
REPLY_BYTES_MAX = 1_000
Answer = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Seen:
    """One request as the server has read it. Names of headers are lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Server:
    """Answers each request with ``answer``."""

    answer: Answer
    url: str = ""
    requests: list[Seen] = field(default_factory=list)
    connections: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *rest = head.strip().split("\r\n")
                pairs = [header.partition(": ") for header in rest]
                headers = {name.lower(): value for name, _, value in pairs}
                body = await reader.readexactly(int(headers["content-length"]))
                self.requests.append(Seen(line, headers, body))
                await self.answer(self.requests[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()


class SlowResponse:
    """What OpenReply reads of aiohttp's response and its content; a pause before each part."""

    status = 200

    def __init__(self, parts: int, pause_s: float) -> None:
        self.headers: dict[str, str] = {}
        self.content = self
        self._left = parts
        self._pause_s = pause_s

    async def readany(self) -> bytes:
        if self._left == 0:
            return b""
        await asyncio.sleep(self._pause_s)
        self._left -= 1
        return b"x"


def reply_with(*parts: bytes, status: int = 200, signature: str = "") -> Answer:
    """A reply of a stated length, whose parts come in packets of their own."""

    async def answer(_: Seen, writer: asyncio.StreamWriter) -> None:
        length = sum(map(len, parts))
        head = f"HTTP/1.1 {status} So\r\nContent-Length: {length}\r\nX-One: 1\r\n"
        writer.write(f"{head}{SIGNATURE_HEADER}: {signature}\r\n\r\n".encode())
        for part in parts:
            await asyncio.sleep(0.01)
            writer.write(part)
            await writer.drain()

    return answer


async def sign(seen: Seen, writer: asyncio.StreamWriter) -> None:
    body = b"signed"
    signature = SIGNATURES.sign_reply(PATH, seen.headers[SIGNATURE_HEADER], body)
    await reply_with(body, signature=signature)(seen, writer)


async def hang(_: Seen, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_within_the_reply(_: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
    await asyncio.Event().wait()


async def lose(_: Seen, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def lose_within_the_reply(_: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
    await writer.drain()
    writer.close()


async def talk_nonsense(_: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    opened = Server(reply_with(b"fine"))
    listening = await asyncio.start_server(opened.serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    opened.url = f"http://{host}:{port}"
    yield opened
    for writer in opened.connections:
        writer.transport.abort()
    listening.close()
    await listening.wait_closed()
    await asyncio.sleep(0)


@pytest.fixture
async def client() -> AsyncIterator[InternalClient]:
    async with make_client() as one:
        yield one


def make_client(*, reply_is_signed: bool = False, connect_s: float = CONNECT_S) -> InternalClient:
    return InternalClient(
        SIGNATURES,
        reply_bytes_max=REPLY_BYTES_MAX,
        reply_is_signed=reply_is_signed,
        connect_s=connect_s,
    )


async def post(client: InternalClient, url: str, timeout_s: float = 20.0) -> InternalReply:
    return await client.post(url, PATH, b"", timeout_s=timeout_s)


async def open_and_read(client: InternalClient, url: str, silence_s: float = 20.0) -> bytes:
    meta = ("x-meta", '{"v":1}')
    async with client.open(url, PATH, b"body", meta=meta, silence_s=silence_s) as reply:
        return b"".join([part async for part in reply.iter_parts()])


async def test_a_request_is_a_signed_post(server: Server, client: InternalClient) -> None:
    reply = await client.post(
        server.url, PATH, b"body", {"Content-Type": "application/json"}, timeout_s=20.0
    )
    assert isinstance(reply, InternalReply)
    assert (reply.status, reply.headers["x-one"], reply.body) == (200, "1", b"fine")
    (seen,) = server.requests
    assert seen.line == f"POST {PATH} HTTP/1.1"
    assert (seen.body, seen.headers["content-type"]) == (b"body", "application/json")
    assert SIGNATURES.verify(seen.headers[SIGNATURE_HEADER], PATH, b"body")


async def test_metadata_is_signed_with_the_request(server: Server, client: InternalClient) -> None:
    assert await open_and_read(client, server.url) == b"fine"
    (seen,) = server.requests
    meta = seen.headers["x-meta"]
    assert meta == '{"v":1}'
    assert SIGNATURES.verify(seen.headers[SIGNATURE_HEADER], PATH, b"body", meta)


@pytest.mark.parametrize("status", [400, 401, 421, 500, 501])
async def test_a_status_is_for_the_caller_to_judge(
    server: Server, client: InternalClient, status: int
) -> None:
    server.answer = reply_with(status=status)
    assert (await post(client, server.url)).status == status


async def test_requests_one_after_the_other_share_a_connection(
    server: Server, client: InternalClient
) -> None:
    for _ in range(3):
        await post(client, server.url)
        await open_and_read(client, server.url)
    assert len(server.connections) == 1


async def test_a_reply_in_many_packets_is_read_whole(
    server: Server, client: InternalClient
) -> None:
    server.answer = reply_with(*[b"x" * 100] * 10)
    assert (await post(client, server.url)).body == b"x" * REPLY_BYTES_MAX
    assert await open_and_read(client, server.url) == b"x" * REPLY_BYTES_MAX


async def test_a_reply_over_the_limit_is_refused_and_its_connection_closed(
    server: Server, client: InternalClient
) -> None:
    server.answer = reply_with(*[b"x" * 100] * 11)
    with pytest.raises(InternalRequestError, match="more than 1000 bytes"):
        await post(client, server.url)
    with pytest.raises(InternalRequestError, match="more than 1000 bytes"):
        await open_and_read(client, server.url)
    server.answer = reply_with(b"fine")
    assert (await post(client, server.url)).body == b"fine"


@pytest.mark.parametrize("answer", [hang, hang_within_the_reply])
async def test_a_silent_server_is_given_up(
    server: Server, client: InternalClient, answer: Answer
) -> None:
    server.answer = answer
    with pytest.raises(InternalRequestError, match="Timeout") as caught:
        await post(client, server.url, timeout_s=0.1)
    assert not caught.value.is_unsent
    with pytest.raises(InternalRequestError, match="Timeout"):
        await open_and_read(client, server.url, silence_s=0.1)
    assert len(server.requests) == 2, "nothing is sent twice"


@on_jumping_loop
async def test_a_reply_that_goes_on_is_waited_for_however_long_it_takes() -> None:
    """``silence_s`` limits each part of an open reply, not their sum."""
    reply = OpenReply(cast("ClientResponse", SlowResponse(parts=40, pause_s=9)), 1_000, 10.0)
    assert [part async for part in reply.iter_parts()] == [b"x"] * 40
    reply = OpenReply(cast("ClientResponse", SlowResponse(parts=40, pause_s=11)), 1_000, 10.0)
    with pytest.raises(InternalRequestError, match="Timeout"):
        await anext(reply.iter_parts())


@pytest.mark.parametrize("answer", [lose, lose_within_the_reply, talk_nonsense])
async def test_what_goes_wrong_on_the_way_is_one_error_that_keeps_its_cause(
    server: Server, client: InternalClient, answer: Answer
) -> None:
    server.answer = answer
    for work in (post(client, server.url), open_and_read(client, server.url)):
        with pytest.raises(InternalRequestError) as caught:
            await work
        assert caught.value.__cause__ is not None
        assert (caught.value.is_unsent, caught.value.is_refused) == (False, False)
    assert len(server.requests) == 2, "nothing is sent twice"


async def test_where_nobody_listens_nothing_was_sent(client: InternalClient) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(InternalRequestError) as caught:
            await post(client, url)
    assert (caught.value.is_unsent, caught.value.is_refused) == (True, True)


async def test_a_connection_that_is_not_made_in_time_has_carried_nothing() -> None:
    """A listener whose queue is full: the host is there, and does not answer the SYN."""
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with make_client(connect_s=0.2) as client:
            with pytest.raises(InternalRequestError) as caught:
                await post(client, url)
            assert (caught.value.is_unsent, caught.value.is_refused) == (True, False)
            with pytest.raises(InternalRequestError) as caught:
                await open_and_read(client, url)
            assert (caught.value.is_unsent, caught.value.is_refused) == (True, False)


@pytest.mark.parametrize("is_used_before", [False, True])
async def test_a_client_that_is_closed_sends_nothing(server: Server, is_used_before: bool) -> None:
    client = make_client()
    if is_used_before:
        await post(client, server.url)
    await client.close()
    for work in (post(client, server.url), open_and_read(client, server.url)):
        with pytest.raises(InternalRequestError, match="closed") as caught:
            await work
        assert caught.value.is_unsent
    assert len(server.requests) == is_used_before


async def test_a_signed_reply_is_taken_and_any_other_refused(server: Server) -> None:
    async with make_client(reply_is_signed=True) as client:
        server.answer = sign
        assert (await post(client, server.url)).body == b"signed"
        old = SIGNATURES.sign_reply(PATH, "the signature of another request", b"signed")
        for signature in ("", old):
            server.answer = reply_with(b"signed", signature=signature)
            with pytest.raises(InternalRequestError, match="not signed"):
                await post(client, server.url)


async def test_a_refusal_needs_no_signature(server: Server) -> None:
    """Who does not know the key cannot sign that it does not."""
    server.answer = reply_with(status=401)
    async with make_client(reply_is_signed=True) as client:
        assert (await post(client, server.url)).status == 401


async def test_a_caller_that_is_cancelled_takes_its_request_along(
    server: Server, client: InternalClient
) -> None:
    server.answer = hang
    task = asyncio.create_task(post(client, server.url))
    while not server.requests:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.answer = reply_with(b"fine")
    assert (await post(client, server.url)).body == b"fine"
    assert len(server.connections) == 2


def test_a_socket_notices_that_its_peers_host_is_gone() -> None:
    address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))
    with open_socket(address) as opened:
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 30
