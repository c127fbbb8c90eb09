"""What the tests of hostile clients share: requests as bytes, sockets that do not read."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from botocore.exceptions import ClientError

from integration.conftest import Installation

ECHO = "def handler(event, context):\n    return event\n"
BIG = """
def handler(event, context):
    with open(event, "a") as runs:
        runs.write("x")
    return "z" * 6_000_000
"""
CLOSED = (ConnectionError, asyncio.IncompleteReadError)


def encode_request(name: str, *headers: bytes, body: bytes | None = b"1") -> bytes:
    """A POST that invokes ``name``; with None as body its framing is the caller's."""
    lines = [b"POST /2015-03-31/functions/" + name.encode() + b"/invocations HTTP/1.1"]
    lines += [b"Host: gateway", *headers]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def split_answers(received: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Status, headers and body of each answer in ``received``."""
    answers = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(headers.get("content-length", "0"))
        answers.append((int(lines[0].split()[1]), headers, rest[:length]))
        received = rest[length:]
    return answers


@contextlib.asynccontextmanager
async def dial(
    port: int,
    *,
    receive_buffer: int = 0,
    local: str = "127.0.0.1",
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection; ``receive_buffer`` makes its kernel take little that is not read.

    With ``trust`` it speaks TLS.
    """
    sock = socket.socket()
    sock.setblocking(False)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.bind((local, 0))
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    host = "127.0.0.1" if trust else None
    reader, writer = await asyncio.open_connection(
        sock=sock, limit=4_096, ssl=trust, server_hostname=host
    )
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def trickle(writer: asyncio.StreamWriter, data: bytes, every_s: float = 0.1) -> None:
    """Send ``data`` byte by byte until the other side has had enough."""
    with contextlib.suppress(ConnectionError):
        for position in range(len(data)):
            writer.write(data[position : position + 1])
            await writer.drain()
            await asyncio.sleep(every_s)


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side closes, however it does so."""
    received = b""
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                received += chunk
    return received


async def wait_until(condition: Callable[[], Any], within_s: float = 60) -> None:
    """Poll: the product has no event for a test."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.02)


async def invoke_when_free(installation: Installation, name: str, event: Any) -> dict[str, Any]:
    """An invocation as soon as a slot is free: it is only when the environment has become idle."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await installation.invoke(name, event)
            except ClientError as error:
                if error.response["Error"]["Code"] != "TooManyRequestsException":
                    raise
                await asyncio.sleep(0.05)


def count_connections(installation: Installation) -> int:
    """Clients that the gateway holds open."""
    assembly = installation.gateway._assembly
    assert assembly is not None
    return len(assembly.connections.open)


def count_held(installation: Installation) -> int:
    """Bytes of answers that wait in the gateway for clients to take them."""
    assembly = installation.gateway._assembly
    assert assembly is not None
    return assembly.connections.answers.bytes_held
