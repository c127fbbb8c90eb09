"""Every package store keeps what it was given, whole or not at all (``core.packages.store``)."""

import asyncio
import contextlib
import hashlib
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from conformance.nats_server import NatsServer
from kubelambda.core.packages.store import (
    PACKAGE_BYTES_MAX,
    PackageNotFoundError,
    PackageStore,
    PackagesUnavailableError,
)
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.directory import DirectoryPackages
from kubelambda.stores.jetstream_packages import JetStreamPackages
from kubelambda.stores.nats_connection import NatsConnection

KILLED_AT = """
import asyncio, os, signal, sys
from pathlib import Path
from kubelambda.stores.directory import DirectoryPackages

def trace(frame, event, argument):
    name = getattr(argument, "__name__", "") or frame.f_code.co_name
    if name == "{step}" and in_put(frame):
        os.kill(os.getpid(), signal.SIGKILL)

def in_put(frame):
    while frame is not None:
        if frame.f_code.co_name == "_put":
            return True
        frame = frame.f_back
    return False

sys.setprofile(trace)
DirectoryPackages(Path("{directory}"))._put("{name}", b"half")
"""
DRIVERS = ["directory", pytest.param("jetstream", marks=pytest.mark.nats)]


class NatsStore:
    """The store in a NATS server that can be killed, and the connection to it."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.connection = NatsConnection(server.url)
        self.packages = JetStreamPackages(self.connection)

    async def wait_connected(self) -> None:
        await self.server.wait_connected(self.connection)


@contextlib.asynccontextmanager
async def open_nats_store(server: NatsServer) -> AsyncIterator[NatsStore]:
    one = NatsStore(server)
    supervisor = Supervisor()
    await one.connection.open(supervisor)
    await one.wait_connected()
    yield one
    await supervisor.close()
    await one.connection.close()


@pytest.fixture
async def nats_store(nats_server: Callable[[], NatsServer]) -> AsyncIterator[NatsStore]:
    async with open_nats_store(nats_server()) as one:
        yield one


@pytest.fixture(params=DRIVERS)
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, nats_server: Callable[[], NatsServer]
) -> AsyncIterator[PackageStore]:
    if request.param == "directory":
        yield DirectoryPackages(tmp_path / "packages")
    else:
        async with open_nats_store(nats_server()) as one:
            yield one.packages


def name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 131_072, 5_000_001])
async def test_k1_a_package_comes_back_as_it_was_put(
    store: PackageStore, tmp_path: Path, size: int
) -> None:
    content = secrets.token_bytes(size)
    assert not await store.has(name_of(content))
    await store.put(name_of(content), content)
    assert await store.has(name_of(content))
    await store.put(name_of(content), content)
    await store.fetch(name_of(content), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


async def test_k1_the_largest_package_passes(store: PackageStore, tmp_path: Path) -> None:
    content = secrets.token_bytes(1 << 20) * (PACKAGE_BYTES_MAX >> 20)
    await store.put(name_of(content), content)
    await store.fetch(name_of(content), tmp_path / "copy")
    assert name_of((tmp_path / "copy").read_bytes()) == name_of(content)


async def test_k3_content_under_another_name_is_refused(
    store: PackageStore, tmp_path: Path
) -> None:
    name = name_of(b"wanted")
    with pytest.raises(ValueError, match="is not what its name"):
        await store.put(name, b"given")
    with pytest.raises(PackageNotFoundError):
        await store.fetch(name, tmp_path / "copy")


async def test_a_package_that_was_never_put_is_not_found(
    store: PackageStore, tmp_path: Path
) -> None:
    assert not await store.has(name_of(b"never"))
    with pytest.raises(PackageNotFoundError):
        await store.fetch(name_of(b"never"), tmp_path / "copy")


@pytest.mark.nats
async def test_a_store_that_is_away_says_so_and_comes_back_with_what_it_kept(
    tmp_path: Path, nats_store: NatsStore
) -> None:
    """F7: nothing is accepted meanwhile."""
    store = nats_store.packages
    await store.put(name_of(b"kept"), b"kept")
    nats_store.server.kill()
    with pytest.raises(PackagesUnavailableError):
        await store.put(name_of(b"lost"), b"lost")
    with pytest.raises(PackagesUnavailableError):
        await store.has(name_of(b"kept"))
    nats_store.server.start()
    await nats_store.wait_connected()
    await store.fetch(name_of(b"kept"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"kept"


@pytest.mark.nats
async def test_a_server_that_comes_back_empty_is_made_ready_anew(
    tmp_path: Path, nats_store: NatsStore
) -> None:
    """F7, stream deleted: what was lost is not found, what comes now is kept."""
    store = nats_store.packages
    await store.put(name_of(b"lost"), b"lost")
    nats_store.server.kill()
    nats_store.server.lose_storage()
    nats_store.server.start()
    async with asyncio.timeout(60):
        while True:
            try:
                await store.put(name_of(b"kept"), b"kept")
            except PackagesUnavailableError:
                await asyncio.sleep(0.1)
            else:
                break
    await store.fetch(name_of(b"kept"), tmp_path / "copy")
    with pytest.raises(PackageNotFoundError):
        await store.fetch(name_of(b"lost"), tmp_path / "other")


@pytest.mark.parametrize("step", ["write", "flush", "fsync", "rename"])
async def test_k2_a_put_that_is_killed_at_any_step_leaves_no_package(
    tmp_path: Path, step: str
) -> None:
    """A process of its own is ended at the step; the next put succeeds."""
    name = name_of(b"half")
    program = KILLED_AT.format(step=step, directory=str(tmp_path / "packages"), name=name)
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    store = DirectoryPackages(tmp_path / "packages")
    with pytest.raises(PackageNotFoundError):
        await store.fetch(name, tmp_path / "copy")
    await store.put(name, b"half")
    await store.fetch(name, tmp_path / "copy")
