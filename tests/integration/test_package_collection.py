"""Packages are collected while others upload and publish: real stores, HTTP, and no wait at all."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from conformance.nats_server import NatsServer
from conformance.packages.test_packages import open_nats_store
from integration.api_server import serving
from integration.conftest import MakeInstallation
from integration.listing_server import ListingServer
from kubelambda.catalog.api_reader import ApiReader
from kubelambda.catalog.cluster_names import ClusterNames
from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.packages.store import PackageStore, PackagesUnavailableError
from kubelambda.gateway.metrics import GatewayMetrics
from kubelambda.gateway.packages.package_collector import PackageCollector
from kubelambda.local.package_names import LocalNames
from kubelambda.objects.sqlite import SqliteObjects
from kubelambda.process.cancellation import is_ending
from kubelambda.stores.directory import DirectoryPackages

PUBLISHERS, ROUNDS = 4, 25
CONTENTS = [secrets.token_bytes(size) for size in (10, 10_000, 300_000)]
"""Publishers share them, so one uploads what another has just stopped to name."""
FUNCTIONS, LAYERS = "lambdafunctions", "lambdalayers"


@pytest.fixture(params=["directory", pytest.param("jetstream", marks=pytest.mark.nats)])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, nats_server: Callable[[], NatsServer]
) -> AsyncIterator[PackageStore]:
    if request.param == "directory":
        yield DirectoryPackages(tmp_path / "packages")
    else:
        async with open_nats_store(nats_server()) as one:
            yield one.packages


class Publisher:
    """Uploads code, makes an object that names it, and uses the code for a while."""

    def __init__(self, server: ListingServer, store: PackageStore, directory: Path) -> None:
        self._server = server
        self._store = store
        self._copy = directory / secrets.token_hex(8)
        self._name = secrets.token_hex(8)

    async def work(self) -> None:
        for turn in range(ROUNDS):
            content = CONTENTS[secrets.randbelow(len(CONTENTS))]
            await self._publish(content, FUNCTIONS if turn % 2 else LAYERS)
            for _ in range(3):
                await self._use(content)
            self._unpublish()

    async def _publish(self, content: bytes, plural: str) -> None:
        """Until the object's package is there, as a person does who sees PackageNotFound."""
        name = hashlib.sha256(content).hexdigest()
        self._plural = plural
        await self._store.put(name, content)
        await asyncio.sleep(0)
        member = "code" if plural == FUNCTIONS else "content"
        self._server.put(plural, self._name, spec={member: {"package": name}})
        while not await self._is_there(name):
            await self._store.put(name, content)

    async def _use(self, content: bytes) -> None:
        """From now on it is there, whatever is collected; only for a moment it may be hidden."""
        name = hashlib.sha256(content).hexdigest()
        assert await self._is_there(name)
        while True:
            try:
                await self._store.fetch(name, self._copy)
            except PackagesUnavailableError:
                self._copy.unlink(missing_ok=True)
                await asyncio.sleep(0.001)
            else:
                break
        assert self._copy.read_bytes() == content
        self._copy.unlink()

    def _unpublish(self) -> None:
        self._server.remove(self._plural, self._name)

    async def _is_there(self, name: str) -> bool:
        while True:
            try:
                return await self._store.has(name)
            except PackagesUnavailableError:
                await asyncio.sleep(0.001)


def build_collector(store: PackageStore, reader: ApiReader) -> PackageCollector:
    names = ClusterNames(reader, FunctionIndex())
    return PackageCollector(store, names, GatewayMetrics(CollectorRegistry()), retention_s=0)


async def collect_for_ever(collector: PackageCollector) -> None:
    while not is_ending():  # Python's wait_for may swallow a cancellation
        await collector.collect()


async def test_nothing_in_use_is_deleted_while_others_publish_and_two_collect(
    store: PackageStore, tmp_path: Path
) -> None:
    server = ListingServer()
    async with serving(server) as url:
        reader = ApiReader(url=url, ca_file=None, token_file=None, request_s=60.0)
        reader.open()
        collectors = [build_collector(store, reader) for _ in range(2)]
        publishers = [Publisher(server, store, tmp_path) for _ in range(PUBLISHERS)]
        async with asyncio.TaskGroup() as group:  # one that fails ends all
            collecting = [group.create_task(collect_for_ever(one)) for one in collectors]
            await asyncio.gather(*(publisher.work() for publisher in publishers))
            for task in collecting:
                task.cancel()
        await collectors[0].collect()
        assert list(await store.list_all()) == [], "what nothing names is gone"
        await reader.close()


async def test_a_gateway_collects_what_the_files_of_local_mode_do_not_name(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    store, files = DirectoryPackages(tmp_path / "packages"), tmp_path / "files"
    named, unnamed = (hashlib.sha256(content).hexdigest() for content in (b"named", b"unnamed"))
    files.mkdir()
    (files / "a.yaml").write_text(f"spec: {{code: {{package: {named}}}}}")
    await store.put(named, b"named")
    await store.put(unnamed, b"unnamed")
    objects = SqliteObjects(tmp_path / "objects.sqlite", time.time)
    await objects.open()
    names = LocalNames([files], objects, FunctionIndex())
    await make_installation(packages=store, package_names=names, package_retention_s=0.001)
    async with asyncio.timeout(60):
        while len(await store.list_all()) > 1:
            await asyncio.sleep(0.05)
    assert await store.has(named)
    await objects.close()
