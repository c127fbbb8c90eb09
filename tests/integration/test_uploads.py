"""Uploads of packages: on disk while they come, and in nobody's way (issue 11, entry 9)."""

import asyncio
import contextlib
import hashlib
from pathlib import Path

import pytest

from integration.conftest import Installation, MakeInstallation
from integration.faults.wire import ECHO, dial, encode_request, read_all, split_answers, wait_until
from kubelambda.core.packages.code_zip import build_inline_zip
from kubelambda.core.packages.store import PACKAGE_BYTES_MAX
from kubelambda.core.wire.package_transfer import UPLOAD_PATH
from kubelambda.gateway.http.client_connections import Connections
from kubelambda.stores.directory import DirectoryPackages

OTHER = "127.0.0.2"


def build_zip(size: int) -> bytes:
    """A package of just so many bytes."""
    around = len(build_inline_zip({"app.py": ""}))
    return build_inline_zip({"app.py": "x" * (size - around)})


def encode_upload(content: bytes, name: str = "", *headers: bytes) -> bytes:
    digest = name or hashlib.sha256(content).hexdigest()
    lines = [f"PUT {UPLOAD_PATH}{digest} HTTP/1.1".encode(), b"Host: g", *headers]
    lines.append(b"Content-Length: %d" % len(content))
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


async def install(make: MakeInstallation, directory: Path, **changes: object) -> Installation:
    store = DirectoryPackages(directory / "packages")
    installation = await make(packages=store, package_cache=directory / "cache", **changes)
    installation.put("echo", ECHO)
    return installation


def connections_of(installation: Installation) -> Connections:
    assembly = installation.gateway._assembly
    assert assembly is not None
    return assembly.connections


async def send(port: int, request: bytes, local: str = "127.0.0.1") -> list[int]:
    """The statuses of all answers to ``request``, after which nothing follows."""
    async with dial(port, local=local) as (reader, writer):
        reading = asyncio.create_task(read_all(reader))
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            await writer.drain()
            writer.write_eof()
        return [status for status, _, _ in split_answers(await reading)]


async def test_three_slow_uploads_of_one_address_stop_no_other_request(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """Neither invocations, its own included, nor the uploads of others."""
    installation = await install(make_installation, tmp_path, uploads_bytes_max=1_000_000)
    port, uploads = installation.gateway.public_port, connections_of(installation).uploads
    slow = encode_upload(build_zip(250_000))[:-1]
    async with dial(port) as (_, one), dial(port) as (_, two), dial(port) as (reader, three):
        for writer in (one, two):
            writer.write(slow)
        await wait_until(lambda: uploads.held_bytes == 499_998)
        three.write(encode_upload(build_zip(250_000), "", b"Connection: close"))
        assert (await read_all(reader)).startswith(b"HTTP/1.1 201 ")
        await wait_until(lambda: uploads.held_bytes == 499_998)
        async with dial(port) as (_, again), dial(port) as (refused, fourth):
            again.write(slow)
            await wait_until(lambda: uploads.held_bytes == 749_997)
            fourth.write(slow)
            assert (await read_all(refused)).startswith(b"HTTP/1.1 503 ")
            for local in ("127.0.0.1", OTHER):
                assert await send(port, encode_request("echo"), local) == [200]
                large = encode_request("echo", body=b'"' + b"x" * 2_000_000 + b'"')
                assert await send(port, large, local) == [200]
            assert await send(port, encode_upload(build_zip(100_000)), OTHER) == [201]
    await wait_until(lambda: not uploads.held_bytes)


async def test_the_largest_upload_goes_through_and_is_never_counted_as_memory(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    content = build_zip(PACKAGE_BYTES_MAX)
    installation = await install(make_installation, tmp_path, bodies_bytes_max=1_000_000)
    assert await send(installation.gateway.public_port, encode_upload(content)) == [201]
    name = hashlib.sha256(content).hexdigest()
    assert (tmp_path / "packages" / name).stat().st_size == PACKAGE_BYTES_MAX
    assert list((tmp_path / "cache" / "uploads").iterdir()) == []
    await wait_until(lambda: not connections_of(installation).uploads.held_bytes)


async def test_an_upload_that_stalls_is_cut_by_its_pace_however_much_has_come(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """45 MB allowed a pause of 45 minutes."""
    installation = await install(make_installation, tmp_path, body_timeout_s=0.5)
    async with dial(installation.gateway.public_port) as (reader, writer):
        writer.write(encode_upload(build_zip(10_000_000))[:-1])
        assert (await read_all(reader)).startswith(b"HTTP/1.1 408 ")
    await wait_until(lambda: not connections_of(installation).uploads.held_bytes)


@pytest.mark.parametrize("size", [PACKAGE_BYTES_MAX + 1, 5])
async def test_an_upload_that_is_refused_is_answered_once(
    make_installation: MakeInstallation, tmp_path: Path, size: int
) -> None:
    installation = await install(make_installation, tmp_path)
    port = installation.gateway.public_port
    request = encode_upload(b"x" * size, "0" * 64)
    assert await send(port, request) == [413 if size > 5 else 400]
    follow = b"GET /nothing HTTP/1.1\r\nHost: g\r\n\r\n"
    assert await send(port, encode_upload(b"x" * 5, "0" * 64) + follow) == [400, 404]


async def test_where_no_packages_are_kept_an_upload_is_not_received(
    installation: Installation,
) -> None:
    port = installation.gateway.public_port
    head = encode_upload(build_zip(1_000_000), "", b"Expect: 100-continue")[:-1_000_000]
    assert await send(port, head) == [501]


async def test_a_client_that_goes_leaves_nothing_behind(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    installation = await install(make_installation, tmp_path)
    uploads = connections_of(installation).uploads
    async with dial(installation.gateway.public_port) as (_, writer):
        writer.write(encode_upload(build_zip(1_000_000))[:-1])
        await wait_until(lambda: uploads.held_bytes == 999_999)
    await wait_until(lambda: not uploads.held_bytes)
    assert list((tmp_path / "cache" / "uploads").iterdir()) == []
