"""Every package store keeps what it was given, whole or not at all (``core.packages.store``)."""

import asyncio
import contextlib
import hashlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from nats.js.errors import ObjectNotFoundError
from nats.js.object_store import ObjectStore

from conformance.nats_server import NatsServer
from kubelambda.core.packages.store import (
    PACKAGE_BYTES_MAX,
    PackageNotFoundError,
    PackageStore,
    PackagesUnavailableError,
    StoredPackage,
)
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.directory import DirectoryPackages
from kubelambda.stores.jetstream_packages import BUCKET, JetStreamPackages
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

    async def count_messages(self) -> int:
        """Chunks and descriptions."""
        context = self.connection.client.jetstream()
        return (await context.stream_info(f"OBJ_{BUCKET}")).state.messages

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


async def find(store: PackageStore, content: bytes) -> StoredPackage:
    """The package of ``content`` as the store lists it."""
    return next(one for one in await store.list_all() if one.sha256 == name_of(content))


async def withdraw(store: PackageStore, content: bytes) -> StoredPackage:
    withdrawn = await store.withdraw(await find(store, content))
    assert withdrawn is not None
    assert withdrawn.withdrawn
    return withdrawn


async def test_k4_every_package_is_listed_with_its_size(store: PackageStore) -> None:
    assert list(await store.list_all()) == []
    contents = [secrets.token_bytes(size) for size in (0, 1, 300_000)]
    for content in contents:
        await store.put(name_of(content), content)
    listed = {one.sha256: (one.size, one.withdrawn) for one in await store.list_all()}
    assert listed == {name_of(content): (len(content), False) for content in contents}


async def test_k4_every_change_gives_another_revision(store: PackageStore) -> None:
    content, name, revisions = b"code", name_of(b"code"), []
    for _ in range(20):
        await store.put(name, content)
        revisions.append((await find(store, content)).revision)
        assert await store.renew(await find(store, content))
        revisions.append((await find(store, content)).revision)
        revisions.append((await withdraw(store, content)).revision)
        assert await store.restore(await find(store, content))
        revisions.append((await find(store, content)).revision)
    assert len(set(revisions)) == len(revisions)


async def test_k5_what_was_put_again_since_it_was_listed_is_not_withdrawn(
    store: PackageStore, tmp_path: Path
) -> None:
    await store.put(name_of(b"code"), b"code")
    listed = await find(store, b"code")
    await store.put(name_of(b"code"), b"code")
    assert await store.withdraw(listed) is None
    assert not await store.renew(listed)
    await store.fetch(name_of(b"code"), tmp_path / "copy")


@pytest.mark.parametrize("step", ["delete", "restore"])
async def test_k5_what_was_put_again_since_it_was_withdrawn_is_left_alone(
    store: PackageStore, tmp_path: Path, step: str
) -> None:
    await store.put(name_of(b"code"), b"code")
    withdrawn = await withdraw(store, b"code")
    await store.put(name_of(b"code"), b"code")
    now = await find(store, b"code")
    assert not await getattr(store, step)(withdrawn)
    assert await find(store, b"code") == now
    await store.fetch(name_of(b"code"), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"code"


async def test_k5_of_many_steps_from_one_revision_one_succeeds(store: PackageStore) -> None:
    await store.put(name_of(b"code"), b"code")
    listed = await find(store, b"code")
    withdrawn = await asyncio.gather(*(store.withdraw(listed) for _ in range(5)))
    (first,) = [one for one in withdrawn if one is not None]
    ends = await asyncio.gather(*(store.delete(first) for _ in range(3)), store.restore(first))
    assert ends.count(True) == 1


async def test_k6_a_withdrawn_package_is_neither_found_nor_missing(
    store: PackageStore, tmp_path: Path
) -> None:
    content = secrets.token_bytes(300_000)
    await store.put(name_of(content), content)
    withdrawn = await withdraw(store, content)
    assert await find(store, content) == withdrawn
    assert not await store.renew(withdrawn)
    with pytest.raises(PackagesUnavailableError):
        await store.has(name_of(content))
    with pytest.raises(PackagesUnavailableError):
        await store.fetch(name_of(content), tmp_path / "copy")
    assert await store.restore(withdrawn)
    assert await store.has(name_of(content))
    await store.fetch(name_of(content), tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == content


async def test_k7_a_deleted_package_is_not_found_and_can_be_put_again(
    store: PackageStore, tmp_path: Path
) -> None:
    content = secrets.token_bytes(300_000)
    await store.put(name_of(content), content)
    assert await store.delete(await withdraw(store, content))
    assert list(await store.list_all()) == []
    assert not await store.has(name_of(content))
    with pytest.raises(PackageNotFoundError):
        await store.fetch(name_of(content), tmp_path / "copy")
    await store.put(name_of(content), content)
    await store.fetch(name_of(content), tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == content


async def test_k7_only_a_withdrawn_package_can_be_deleted(store: PackageStore) -> None:
    await store.put(name_of(b"code"), b"code")
    assert not await store.delete(await find(store, b"code"))
    assert await store.has(name_of(b"code"))


async def test_puts_and_deletions_that_meet_leave_the_package_that_was_put_last(
    store: PackageStore, tmp_path: Path
) -> None:
    """Whatever is first at each step, who was told that the package is kept finds it."""
    content = secrets.token_bytes(200_000)

    async def collect() -> None:
        for listed in await store.list_all():
            withdrawn = listed if listed.withdrawn else await store.withdraw(listed)
            if withdrawn is not None:
                await store.delete(withdrawn)

    async def put() -> None:
        await store.put(name_of(content), content)

    for _ in range(30):
        await asyncio.gather(put(), collect(), put(), collect())
    await put()
    await store.fetch(name_of(content), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


async def test_k4_what_changes_while_it_is_listed_is_listed(store: PackageStore) -> None:
    """One that is left out would lose its content, as if an upload had been cut off."""
    contents = [bytes([number]) for number in range(8)]
    for content in contents:
        await store.put(name_of(content), content)

    async def put_again() -> None:
        for content in contents * 5:
            await store.put(name_of(content), content)

    putting = asyncio.gather(put_again(), put_again())
    while not putting.done():
        assert len(await store.list_all()) == len(contents)
        await asyncio.sleep(0)
    await putting


@pytest.mark.nats
async def test_the_store_holds_no_byte_of_what_was_deleted_or_put_twice(
    nats_store: NatsStore,
) -> None:
    store, content = nats_store.packages, secrets.token_bytes(200_000)
    await asyncio.gather(*(store.put(name_of(content), content) for _ in range(5)))
    assert await nats_store.count_messages() == 3, "two chunks and one description"
    assert await store.delete(await withdraw(store, content))
    assert await nats_store.count_messages() == 0


@pytest.mark.nats
async def test_what_an_upload_that_was_cut_off_has_left_is_removed_later(
    nats_store: NatsStore,
) -> None:
    context = nats_store.connection.client.jetstream()
    await context.publish(f"$O.{BUCKET}.C.cut", b"half")
    patient = JetStreamPackages(nats_store.connection)
    hasty = JetStreamPackages(nats_store.connection, orphan_s=0)
    await patient.put(name_of(b"code"), b"code")
    await patient.list_all()
    await patient.list_all()
    assert await nats_store.count_messages() == 3, "it may still be on its way"
    await hasty.list_all()
    assert await nats_store.count_messages() == 2


async def test_a_part_that_an_upload_has_left_in_a_directory_is_removed_later(
    tmp_path: Path,
) -> None:
    store = DirectoryPackages(tmp_path)
    await store.put(name_of(b"code"), b"code")
    young, old = tmp_path / "part-young", tmp_path / "part-old"
    for part in (young, old):
        part.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert len(await store.list_all()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {name_of(b"code"), young.name}


@pytest.mark.nats
async def test_a_release_without_withdrawal_does_not_find_a_withdrawn_package(
    nats_store: NatsStore,
) -> None:
    """It would be told that a package is there that may be deleted; so it puts it again."""
    store, former = nats_store.packages, FormerStore(nats_store.connection)
    await store.put(name_of(b"code"), b"code")
    assert await former.has(name_of(b"code"))
    withdrawn = await withdraw(store, b"code")
    assert not await former.has(name_of(b"code"))
    await former.put(name_of(b"code"), b"code")
    assert not await store.delete(withdrawn)
    assert await store.has(name_of(b"code"))


class FormerStore:
    """What the former release did: nats-py's own steps."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection

    async def has(self, sha256: str) -> bool:
        try:
            await (await self._open()).get_info(sha256)
        except ObjectNotFoundError:
            return False
        return True

    async def put(self, sha256: str, content: bytes) -> None:
        await (await self._open()).put(sha256, content)

    async def _open(self) -> ObjectStore:
        return await self._connection.client.jetstream().object_store(BUCKET)


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
