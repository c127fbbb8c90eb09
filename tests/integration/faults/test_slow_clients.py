"""F14: clients that send or read at a snail's pace, and clients that are too many."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from integration.certificates import CertificateFiles
from integration.conftest import Installation, MakeInstallation
from integration.faults.wire import (
    BIG,
    ECHO,
    count_connections,
    count_held,
    dial,
    encode_request,
    read_all,
    split_answers,
    trickle,
    wait_until,
)

SHORT: dict[str, Any] = {"head_timeout_s": 0.3, "body_timeout_s": 0.3, "write_timeout_s": 0.5}
LONG_BODY = b'"' + b"x" * 100_000 + b'"'


@pytest.mark.parametrize(
    ("before", "slow"),
    [
        (b"", encode_request("echo", b"X-A: " + b"a" * 100)),
        (encode_request("echo", body=LONG_BODY)[:-100_000], LONG_BODY[-100_000:]),
        (
            encode_request("echo", b"Transfer-Encoding: chunked", body=None),
            b"1;" + b"a" * 100 + b"\r\n1\r\n0\r\n\r\n",
        ),
    ],
    ids=["head", "body", "extension of a chunk"],
)
async def test_f14_a_request_that_comes_byte_by_byte_is_answered_408(
    make_installation: MakeInstallation, before: bytes, slow: bytes
) -> None:
    """F14: each byte is in time, the phase as a whole is not; nothing is run."""
    installation = await make_installation(**SHORT)
    installation.put("echo", ECHO)
    async with dial(installation.gateway.public_port) as (reader, writer):
        writer.write(before)
        sending = asyncio.create_task(trickle(writer, slow))
        received = await read_all(reader)
        await sending if sending.done() else sending.cancel()
    assert [status for status, _, _ in split_answers(received)] == [408]


async def test_f14_a_second_request_has_no_more_time_for_its_head_than_the_first(
    make_installation: MakeInstallation,
) -> None:
    """F14: also where its beginning came together with the first request."""
    installation = await make_installation(**SHORT)
    installation.put("echo", ECHO)
    async with dial(installation.gateway.public_port) as (reader, writer):
        writer.write(encode_request("echo") + b"POST /")
        received = await read_all(reader)
    assert [status for status, _, _ in split_answers(received)] == [200, 408]


async def test_f14_a_connection_on_which_nothing_comes_is_closed(
    make_installation: MakeInstallation,
) -> None:
    installation = await make_installation(**SHORT)
    async with dial(installation.gateway.public_port) as (reader, _):
        assert await read_all(reader) == b""


async def test_f14_a_body_at_a_fair_rate_is_not_cut(make_installation: MakeInstallation) -> None:
    """F14: each byte earns its time, at 16 KiB a second; here all take longer than the timeout."""
    installation = await make_installation(**(SHORT | {"body_timeout_s": 2.0}))
    installation.put("echo", ECHO)
    request = encode_request("echo", b"Connection: close", body=LONG_BODY)
    async with dial(installation.gateway.public_port) as (reader, writer):
        for start in range(0, len(request), 10_000):
            writer.write(request[start : start + 10_000])
            await writer.drain()
            await asyncio.sleep(0.25)
        received = await read_all(reader)
    assert received.endswith(b"\r\n\r\n" + LONG_BODY)


async def test_f14_a_body_that_came_fast_and_stalls_is_cut_by_its_pace(
    make_installation: MakeInstallation,
) -> None:
    """F14: what has come fast earns no time for later."""
    installation = await make_installation(**SHORT)
    installation.put("echo", ECHO)
    body = b'"' + b"x" * 6_000_000 + b'"'
    async with dial(installation.gateway.public_port) as (reader, writer):
        writer.write(encode_request("echo", body=body)[:-1])
        received = await read_all(reader)
    assert [status for status, _, _ in split_answers(received)] == [408]


@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_f14_a_client_that_does_not_read_its_answer_is_cut_off(
    make_installation: MakeInstallation, tmp_path: Path, connection: bytes, scheme: str
) -> None:
    settings, trust = secure(scheme, tmp_path)
    installation = await make_installation(**SHORT, **settings)
    installation.put("big", BIG, timeout_s=30)
    body = f'"{tmp_path / "runs"}"'.encode()
    port = installation.gateway.public_port
    async with dial(port, receive_buffer=4_096, trust=trust) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(encode_request("big", b"Connection: " + connection, body=body))
        await wait_until((tmp_path / "runs").exists)
        assert count_connections(installation) == 1
        await wait_until(lambda: count_connections(installation) == 0)


def secure(scheme: str, directory: Path) -> tuple[dict[str, str], ssl.SSLContext | None]:
    """The gateway's settings and the client's trust."""
    if scheme == "http":
        return {}, None
    files = CertificateFiles(directory)
    return files.settings(), files.trust()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_f14_a_client_that_reads_slowly_but_surely_gets_its_answer(
    make_installation: MakeInstallation, tmp_path: Path, scheme: str
) -> None:
    """F14: as long as it reads 16 KiB a second."""
    settings, trust = secure(scheme, tmp_path)
    installation = await make_installation(**SHORT, **settings)
    installation.put("big", BIG, timeout_s=30)
    request = encode_request("big", b"Connection: close", body=f'"{tmp_path / "runs"}"'.encode())
    received = b""
    port = installation.gateway.public_port
    async with dial(port, receive_buffer=65_536, trust=trust) as (reader, writer):
        writer.write(request)
        for _ in range(15):
            received += await reader.read(65_536)
            await asyncio.sleep(0.1)
        received += await read_all(reader)
    assert received.endswith(b"zzz" + b'"')
    assert len(received) > 6_000_000


async def test_f14_answers_that_are_not_read_hold_back_the_next_requests(
    installation: Installation, tmp_path: Path
) -> None:
    """F14, F15: a client cannot make the gateway keep one answer after another for it."""
    installation.put("big", BIG, timeout_s=30)
    runs = tmp_path / "runs"
    requests = encode_request("big", body=f'"{runs}"'.encode()) * 2
    async with dial(installation.gateway.public_port, receive_buffer=262_144) as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(requests)
        await wait_until(runs.exists)
        await asyncio.sleep(0.5)
        assert runs.read_text() == "x"
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        writer.write_eof()
        received = await read_all(reader)
    assert [(status, len(body)) for status, _, body in split_answers(received)] == [
        (200, 6_000_002)
    ] * 2


async def test_f14_an_answer_is_whole_for_a_slow_client_that_has_sent_all_it_will(
    installation: Installation, tmp_path: Path
) -> None:
    """F14: what still waits for it leaves before its half-closed connection is closed."""
    installation.put("big", BIG, timeout_s=30)
    request = encode_request("big", body=f'"{tmp_path / "runs"}"'.encode())
    async with dial(installation.gateway.public_port, receive_buffer=65_536) as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(request)
        await wait_until((tmp_path / "runs").exists)
        await wait_until(lambda: count_held(installation) > 0)
        writer.write_eof()
        await asyncio.sleep(0.2)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        received = await read_all(reader)
    assert [(status, len(body)) for status, _, body in split_answers(received)] == [
        (200, 6_000_002)
    ]
    await wait_until(lambda: count_held(installation) == 0)


@pytest.mark.parametrize("cap", ["connections_max", "connections_per_address_max"])
async def test_f14_connections_over_a_cap_are_refused_and_really_closed(
    make_installation: MakeInstallation, cap: str
) -> None:
    """F14: 503, and not even a client that leaves its own half open keeps the connection."""
    installation = await make_installation(**{cap: 2})
    installation.put("echo", ECHO)
    port = installation.gateway.public_port
    async with dial(port), dial(port), dial(port) as (reader, writer):
        await wait_until(lambda: count_connections(installation) == 2)
        assert (await read_all(reader)).startswith(b"HTTP/1.1 503 ")
        with pytest.raises(ConnectionError):
            await send_until_refused(writer)
        other = await read_from_elsewhere(port)
        assert other.startswith(b"HTTP/1.1 503 " if cap == "connections_max" else b"HTTP/1.1 200 ")
    await wait_until(lambda: count_connections(installation) == 0)
    assert (await installation.converse(encode_request("echo", b"Connection: close"))).startswith(
        b"HTTP/1.1 200 "
    )


async def test_f14_a_client_is_counted_while_its_tls_handshake_lasts(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """F14: one that only connects takes a place like any other, and gives it back."""
    settings, trust = secure("https", tmp_path)
    installation = await make_installation(connections_max=2, **settings)
    port = installation.gateway.public_port
    async with dial(port), dial(port):
        await wait_until(lambda: count_connections(installation) == 2)
        async with dial(port) as (reader, _):
            assert await read_all(reader) == b""
        assert count_connections(installation) == 2
    await wait_until(lambda: count_connections(installation) == 0)
    async with dial(port, trust=trust) as (reader, writer):
        writer.write(encode_request("none", b"Connection: close"))
        assert (await read_all(reader)).startswith(b"HTTP/1.1 404 ")
    await wait_until(lambda: count_connections(installation) == 0)


async def send_until_refused(writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(60):
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)


async def read_from_elsewhere(port: int) -> bytes:
    """The answer that a client of another address gets."""
    async with dial(port, local="127.0.0.2") as (reader, writer):
        writer.write(encode_request("echo", b"Connection: close"))
        return await read_all(reader)
