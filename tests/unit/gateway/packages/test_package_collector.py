"""Packages that nothing names are deleted, and no other, whatever happens between two steps."""

import asyncio
import logging

import pytest
from prometheus_client import CollectorRegistry

from kubelambda.core.packages.names import NamesUnknownError
from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.gateway.metrics import GatewayMetrics
from kubelambda.gateway.packages.package_collector import PackageCollector
from unit.gateway.packages.memory_packages import MemoryNames, MemoryPackages

A, B = "a" * 64, "b" * 64
RETENTION_S = 100.0


class Collection:
    """One collector over a store in memory, and a clock that stands still."""

    def __init__(self) -> None:
        self.store, self.names, self.now_s = MemoryPackages(), MemoryNames(), 0.0
        self.collector = self.build()

    def build(self, names: MemoryNames | None = None) -> PackageCollector:
        """A collector that knows nothing yet."""
        self.registry = CollectorRegistry()
        return PackageCollector(
            self.store,
            names or self.names,
            GatewayMetrics(self.registry),
            retention_s=RETENTION_S,
            clock=lambda: self.now_s,
        )

    async def collect(self, after_s: float = 0.0) -> set[str]:
        """Look at everything ``after_s`` later; what is left."""
        self.now_s += after_s
        await self.collector.collect()
        return set(self.store.packages)

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"kubelambda_gateway_{name}")


@pytest.fixture
async def collection() -> Collection:
    return Collection()


async def test_what_nothing_names_is_deleted_after_the_retention_and_counted(
    collection: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    collection.store.keep(A)
    collection.store.keep(B)
    collection.names.now = {B}
    assert await collection.collect() == {A, B}
    assert await collection.collect(99.0) == {A, B}
    assert await collection.collect(1.0) == {B}
    assert f"package {A} of 10 bytes is deleted" in caplog.text
    assert collection.metric("packages_collected_total") == 1
    await collection.collect()
    assert (collection.metric("packages"), collection.metric("package_bytes")) == (1, 10)


async def test_an_upload_that_finds_the_package_there_begins_the_wait_again(
    collection: Collection,
) -> None:
    collection.store.keep(A)
    await collection.collect()
    await collection.collect(99.0)
    collection.store.keep(A)
    assert await collection.collect(99.0) == {A}
    assert await collection.collect(99.0) == {A}
    assert await collection.collect(1.0) == set()


async def test_what_one_process_serves_and_no_object_names_is_kept_from_all_others(
    collection: Collection,
) -> None:
    """G0: an update waits for its package, and this gateway alone knows what was before."""
    collection.store.keep(A)
    names = MemoryNames()
    names.served = frozenset({A})
    serving = collection.build(names)
    for _ in range(10):
        await serving.collect()
        assert await collection.collect(RETENTION_S / 2) == {A}
    names.served = frozenset()
    assert await collection.collect(RETENTION_S) == set()


async def test_what_was_named_for_a_while_waits_again(collection: Collection) -> None:
    collection.store.keep(A)
    await collection.collect()
    collection.names.now = {A}
    await collection.collect(99.0)
    collection.names.now = set()
    assert await collection.collect(1.0) == {A}


async def test_a_process_that_has_just_started_waits_anew(collection: Collection) -> None:
    collection.store.keep(A)
    await collection.collect()
    collection.collector = collection.build()
    assert await collection.collect(1_000.0) == {A}


async def test_what_is_named_when_it_is_withdrawn_is_restored(collection: Collection) -> None:
    """The view that marked it was too old; nobody has been told that it is missing."""
    collection.store.keep(A)
    await collection.collect()
    collection.store.on_withdraw = collection.names.now.add
    assert await collection.collect(RETENTION_S) == {A}
    assert collection.store.holds(A)


@pytest.mark.parametrize("part", ["names", "store"])
async def test_nothing_is_deleted_while_something_cannot_be_read(
    collection: Collection, part: str
) -> None:
    collection.store.keep(A)
    await collection.collect()
    collection.now_s += RETENTION_S
    getattr(collection, part).away = True
    with pytest.raises((NamesUnknownError, PackagesUnavailableError)):
        await collection.collect()
    assert collection.store.holds(A)


async def test_what_is_withdrawn_when_names_cannot_be_read_any_more_is_restored(
    collection: Collection,
) -> None:
    collection.store.keep(A)
    await collection.collect()
    collection.store.on_withdraw = lambda _: setattr(collection.names, "away", True)
    with pytest.raises(NamesUnknownError):
        await collection.collect(RETENTION_S)
    assert collection.store.holds(A)


@pytest.mark.parametrize("named", [True, False])
async def test_what_a_killed_collector_has_left_is_settled_by_the_next(
    collection: Collection, named: bool
) -> None:
    collection.store.keep(A)
    (listed,) = await collection.store.list_all()
    await collection.store.withdraw(listed)
    collection.names.now = {A} if named else set()
    await collection.collect()
    assert collection.store.holds(A) == named
    assert bool(collection.store.packages) == named


async def test_what_a_killed_collector_has_left_is_restored_while_names_cannot_be_read(
    collection: Collection,
) -> None:
    collection.store.keep(A)
    (listed,) = await collection.store.list_all()
    await collection.store.withdraw(listed)
    collection.names.away = True
    with pytest.raises(NamesUnknownError):
        await collection.collect()
    assert collection.store.holds(A)


async def test_without_packages_no_object_is_read(collection: Collection) -> None:
    await collection.collect()
    assert collection.names.reads == 0


async def test_a_collector_that_is_stopped_gives_back_what_it_has_withdrawn(
    collection: Collection,
) -> None:
    collection.store.keep(A)
    await collection.collect()
    collection.now_s += RETENTION_S
    withdrawn = asyncio.Event()

    def stop_reading(_: str) -> None:
        collection.names.gates.hold = True
        withdrawn.set()

    collection.store.on_withdraw = stop_reading
    running = asyncio.create_task(collection.collector.collect())
    await asyncio.wait_for(withdrawn.wait(), 60)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not collection.store.holds(A)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert collection.store.holds(A)
