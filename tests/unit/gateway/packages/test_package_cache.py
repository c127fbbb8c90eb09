"""The gateway's cache of packages: one fetch for all who ask, bounded, whole files only."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from kubelambda.core.packages.store import (
    PackageNotFoundError,
    PackagesUnavailableError,
    StoredPackage,
)
from kubelambda.gateway.packages.package_cache import PackageCache
from kubelambda.process.supervisor import Supervisor


class SlowStore:
    """A store in memory that counts fetches and can be away; nothing is collected."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.fetches = 0
        self.away = False

    async def put(self, sha256: str, content: bytes) -> None:
        self.contents[sha256] = content

    async def has(self, sha256: str) -> bool:
        if self.away:
            raise PackagesUnavailableError("away")
        return sha256 in self.contents

    async def fetch(self, sha256: str, target: Path) -> None:
        self.fetches += 1
        target.write_bytes(b"half")
        await asyncio.sleep(0.01)
        if self.away:
            raise PackagesUnavailableError("away")
        if sha256 not in self.contents:
            raise PackageNotFoundError(sha256)
        target.write_bytes(self.contents[sha256])

    async def list_all(self) -> list[StoredPackage]:
        raise NotImplementedError

    async def renew(self, package: StoredPackage) -> bool:
        raise NotImplementedError

    async def withdraw(self, package: StoredPackage) -> StoredPackage | None:
        raise NotImplementedError

    async def restore(self, package: StoredPackage) -> bool:
        raise NotImplementedError

    async def delete(self, package: StoredPackage) -> bool:
        raise NotImplementedError


def keep(store: SlowStore, content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    store.contents[name] = content
    return name


async def read(cache: PackageCache, name: str) -> bytes:
    file, size = await cache.open(name)
    with file:
        content = file.read()
    assert len(content) == size
    return content


async def test_many_who_ask_at_once_cause_one_fetch(tmp_path: Path) -> None:
    store = SlowStore()
    cache, name = PackageCache(store, tmp_path / "cache", Supervisor()), keep(store, b"code")
    assert await asyncio.gather(*(read(cache, name) for _ in range(20))) == [b"code"] * 20
    assert await read(cache, name) == b"code"
    assert store.fetches == 1


async def test_what_was_used_longest_ago_leaves_and_stays_readable_for_its_reader(
    tmp_path: Path,
) -> None:
    store = SlowStore()
    cache = PackageCache(store, tmp_path / "cache", Supervisor(), bytes_max=10)
    first, second, third = (keep(store, text) for text in (b"111111", b"2222", b"3333"))
    file, _ = await cache.open(first)
    await read(cache, second)
    await read(cache, third)
    left = {path.name for path in (tmp_path / "cache").iterdir()}
    assert left == {second, third}
    with file:
        assert file.read() == b"111111"
    assert await read(cache, first) == b"111111"


async def test_a_fetch_that_fails_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    store = SlowStore()
    cache, name = PackageCache(store, tmp_path / "cache", Supervisor()), keep(store, b"code")
    store.away = True
    with pytest.raises(PackagesUnavailableError):
        await cache.open(name)
    assert list((tmp_path / "cache").iterdir()) == []
    store.away = False
    assert await read(cache, name) == b"code"
    with pytest.raises(PackageNotFoundError):
        await cache.open("0" * 64)


async def test_one_who_gives_up_does_not_end_the_fetch_of_the_others(tmp_path: Path) -> None:
    store = SlowStore()
    cache, name = PackageCache(store, tmp_path / "cache", Supervisor()), keep(store, b"code")
    impatient = asyncio.create_task(cache.open(name))
    patient = asyncio.create_task(read(cache, name))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == b"code"
    assert store.fetches == 1


async def test_what_is_missing_is_told_without_a_fetch_and_never_guessed(tmp_path: Path) -> None:
    store = SlowStore()
    cache, name = PackageCache(store, tmp_path / "cache", Supervisor()), keep(store, b"code")
    absent = "0" * 64
    assert await cache.list_missing([name, absent]) == [absent]
    assert store.fetches == 0
    store.away = True
    with pytest.raises(PackagesUnavailableError):
        await cache.list_missing([name, absent])


async def test_what_was_collected_is_missing_although_it_is_in_the_cache(tmp_path: Path) -> None:
    """Otherwise a function would be Ready, and other gateways could not give it its code."""
    store = SlowStore()
    cache, name = PackageCache(store, tmp_path / "cache", Supervisor()), keep(store, b"code")
    await read(cache, name)
    del store.contents[name]
    assert await cache.list_missing([name]) == [name]


async def test_a_package_that_somebody_has_removed_from_the_cache_is_fetched_again(
    tmp_path: Path,
) -> None:
    """The first who asks is told to come again; before, all were told so for good."""
    store = SlowStore()
    cache, name = PackageCache(store, tmp_path / "cache", Supervisor()), keep(store, b"code")
    await read(cache, name)
    (tmp_path / "cache" / name).unlink()
    with pytest.raises(PackagesUnavailableError):
        await cache.open(name)
    assert await read(cache, name) == b"code"


async def test_a_fetch_ends_with_the_process_and_leaves_nothing(tmp_path: Path) -> None:
    store, supervisor = SlowStore(), Supervisor()
    cache, name = PackageCache(store, tmp_path / "cache", supervisor), keep(store, b"code")
    waiting = asyncio.create_task(cache.open(name))
    while not store.fetches:
        await asyncio.sleep(0)
    await supervisor.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert list((tmp_path / "cache").iterdir()) == []
