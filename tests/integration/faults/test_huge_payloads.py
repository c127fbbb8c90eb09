"""F15: payloads, chunks and heads beyond every limit; the gateway's memory does not follow them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator

import pytest

from integration.conftest import Installation
from integration.faults.lone_gateway import LoneGateway
from integration.faults.wire import ECHO, dial, encode_request, read_all, split_answers, wait_until

CHUNKED = b"Transfer-Encoding: chunked"
DRY_RUN = b"X-Amz-Invocation-Type: DryRun"
MEBIBYTE = 1_048_576
LIMIT = 6_291_456


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneGateway]:
    one = LoneGateway.start(tmp_path_factory.mktemp("gateway"))
    yield one
    one.close()


@pytest.fixture
async def gateway(process: LoneGateway) -> LoneGateway:
    assert await send(process.port, [encode_request("echo", DRY_RUN)]) == [204]
    process.forget_peak()
    return process


async def send(port: int, pieces: list[bytes], local: str = "127.0.0.1") -> list[int]:
    """The statuses of all answers; a server that has heard enough need not be told the rest."""
    async with dial(port, local=local) as (reader, writer):
        reading = asyncio.create_task(read_all(reader))
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            writer.write_eof()
        return [status for status, _, _ in split_answers(await reading)]


async def test_f15_a_body_one_byte_over_the_limit_is_413_and_not_kept(gateway: LoneGateway) -> None:
    """F15: from the length alone; the client that goes on sending costs nothing."""
    head = encode_request("echo", b"Content-Length: %d" % (LIMIT + 1), body=None)
    sending = [send(gateway.port, [head, b"1" * (LIMIT + 1)]) for _ in range(10)]
    assert await asyncio.gather(*sending) == [[413]] * 10
    assert gateway.grown_mb() < 16


async def test_f15_a_chunked_body_without_length_is_413_at_the_limit(gateway: LoneGateway) -> None:
    chunk = b"%x\r\n" % MEBIBYTE + b"1" * MEBIBYTE + b"\r\n"
    statuses = await send(gateway.port, [encode_request("echo", CHUNKED, body=None), *[chunk] * 64])
    assert statuses == [413]
    assert gateway.grown_mb() < 24


@pytest.mark.parametrize("chunk", [b"1\r\n1\r\n", b"2\r\n11\r\n"], ids=["1 byte", "2 bytes"])
async def test_f15_a_million_tiny_chunks_take_no_more_memory_than_their_bytes(
    gateway: LoneGateway, chunk: bytes
) -> None:
    pieces = [encode_request("echo", CHUNKED, DRY_RUN, body=None), *[chunk * 10_000] * 100]
    assert await send(gateway.port, [*pieces, b"0\r\n\r\n"]) == [204]
    assert gateway.grown_mb() < 16


@pytest.mark.parametrize(
    "piece",
    [b"X-A: " + b"a" * 1_000_000, b"X-A: 1\r\n" * 100_000, b"a" * 1_000_000],
    ids=["one header", "many headers", "no end of a line"],
)
async def test_f15_ten_megabytes_of_headers_are_431(gateway: LoneGateway, piece: bytes) -> None:
    head = encode_request("echo", body=None).removesuffix(b"\r\n")
    assert await send(gateway.port, [head, *[piece] * 10]) == [431]
    assert gateway.grown_mb() < 8


@pytest.mark.parametrize(
    "rest",
    [b"0\r\nX-A: ", b"0\r\nX-A: 1\r\nX-B: ", b"1;a="],
    ids=["a trailer", "the second trailer", "an extension of a chunk"],
)
async def test_f15_ten_megabytes_around_the_chunks_are_431(
    gateway: LoneGateway, rest: bytes
) -> None:
    """F15: what is neither head nor body has a limit too."""
    pieces = [encode_request("echo", CHUNKED, body=None) + b"1\r\n1\r\n", rest]
    assert await send(gateway.port, [*pieces, *[b"a" * MEBIBYTE] * 10]) == [431]
    assert gateway.grown_mb() < 8


async def test_f15_all_bodies_together_have_a_limit(
    make_installation: Callable[..., Awaitable[Installation]],
) -> None:
    """F15: who stays under its own limit gets 503 nevertheless; room comes back with each end.

    A small body finds room even then, and so does one of another address.
    """
    installation = await make_installation(bodies_bytes_max=1_000_000)
    installation.put("echo", ECHO)
    port = installation.gateway.public_port
    held = encode_request("echo", DRY_RUN, body=b"1" * 350_000)[:-1]
    payloads = installation.gateway._assembly.connections.payloads  # type: ignore[union-attr]
    async with dial(port) as (_, one), dial(port) as (_, two):
        for writer in (one, two):
            writer.write(held)
            await writer.drain()
        await wait_until(lambda: payloads.held_bytes == 699_998)
        assert await send(port, [held + b"1"]) == [503]
        assert await send(port, [encode_request("echo", DRY_RUN, body=b"1" * 60_000)]) == [204]
        other = encode_request("echo", DRY_RUN, body=b"1" * 200_000)
        assert await send(port, [other], local="127.0.0.2") == [204]
    await wait_until(lambda: not payloads.held_bytes)
    for _ in range(4):
        assert await send(port, [held + b"1"]) == [204]
    await wait_until(lambda: not payloads.held_bytes)
