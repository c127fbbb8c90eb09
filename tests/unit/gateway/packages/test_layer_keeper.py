"""What stands in a LambdaLayer outlives it, once a function has used it."""

import asyncio
import base64
import hashlib
from pathlib import Path

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.code import InlineZip, UploadedPackage
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.layer import Layer
from kubelambda.core.packages.store import PackageNotFoundError, PackagesUnavailableError
from kubelambda.gateway.packages.layer_keeper import LayerKeeper
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.directory import DirectoryPackages
from unit.functions import REF, make_function

CONTENT = b"PK\x05\x06" + bytes(18)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
INSIDE = InlineZip(base64.b64encode(CONTENT).decode())


class FailingOnce(DirectoryPackages):
    """A store that cannot be asked the first time."""

    failed = False

    async def put(self, sha256: str, content: bytes) -> None:
        if not self.failed:
            self.failed = True
            raise PackagesUnavailableError("not now")
        await super().put(sha256, content)


async def keep(store: DirectoryPackages, directory: Path, *layers: Layer) -> bytes:
    """What the store has of SHA256 after a function with ``layers`` was seen."""
    index = FunctionIndex()
    running = asyncio.create_task(LayerKeeper(index, store, retry_s=0.01).run())
    index.put(make_function(layers=layers))
    try:
        async with asyncio.timeout(20):
            while True:
                target = directory / "fetched"
                try:
                    await store.fetch(SHA256, target)
                except PackageNotFoundError:
                    target.unlink(missing_ok=True)
                    await asyncio.sleep(0.01)
                else:
                    return target.read_bytes()
    finally:
        running.cancel()


@pytest.mark.parametrize("kind", [DirectoryPackages, FailingOnce])
async def test_a_layer_in_its_object_is_kept_under_its_digest(
    kind: type[DirectoryPackages], tmp_path: Path
) -> None:
    layer = Layer("a", 1, SHA256, INSIDE)
    assert await keep(kind(tmp_path / "store"), tmp_path, layer) == CONTENT


async def test_packages_and_unknown_layers_are_left_alone(tmp_path: Path) -> None:
    others = (Layer("p", 1, "ab" * 32, UploadedPackage("ab" * 32)), Layer("unknown", 1))
    kept = Layer("a", 1, SHA256, INSIDE)
    assert await keep(DirectoryPackages(tmp_path / "store"), tmp_path, *others, kept) == CONTENT
    assert [path.name for path in (tmp_path / "store").iterdir()] == [SHA256]


class OddOnce(DirectoryPackages):
    """A store that fails the first time in a way that nobody foresaw."""

    failed = False

    async def put(self, sha256: str, content: bytes) -> None:
        if not self.failed:
            self.failed = True
            raise KeyError("unforeseen")
        await super().put(sha256, content)


async def test_content_that_is_not_its_digest_holds_no_other_layer_up(tmp_path: Path) -> None:
    store, index = DirectoryPackages(tmp_path / "store"), FunctionIndex()
    keeper = LayerKeeper(index, store, retry_s=1_000)
    odd = [
        Layer("odd", 1, "ab" * 32, INSIDE),
        Layer("odd", 2, SHA256[::-1], InlineZip("no base64")),
    ]
    index.put(make_function(layers=(*odd, Layer("a", 1, SHA256, INSIDE))))
    running = asyncio.create_task(keeper.run())
    await until_kept(store)
    running.cancel()


async def test_a_layer_in_hand_is_kept_when_the_keeper_is_started_again(tmp_path: Path) -> None:
    store, index, supervisor = OddOnce(tmp_path / "store"), FunctionIndex(), Supervisor()
    supervisor.keep("the keeper of layers", LayerKeeper(index, store).run)
    index.put(make_function(layers=(Layer("a", 1, SHA256, INSIDE),)))
    await until_kept(store)
    await supervisor.close()


async def test_a_layer_whose_package_was_collected_is_kept_again_for_the_next_function(
    tmp_path: Path,
) -> None:
    """The layer was there all the time, or was made again: no function had used it for long."""
    store, index, supervisor = DirectoryPackages(tmp_path), FunctionIndex(), Supervisor()
    supervisor.keep("the keeper of layers", LayerKeeper(index, store).run)
    layers = (Layer("a", 1, SHA256, INSIDE),)
    index.put(make_function(layers=layers))
    await until_kept(store)
    index.remove(REF)
    while await store.has(SHA256):
        for listed in await store.list_all():
            if (withdrawn := await store.withdraw(listed)) is not None:
                await store.delete(withdrawn)
    index.put(make_function(ref=FunctionRef("shop", "next"), uid="v", layers=layers))
    await until_kept(store)
    await supervisor.close()


async def until_kept(store: DirectoryPackages) -> None:
    async with asyncio.timeout(30):
        while not await store.has(SHA256):
            await asyncio.sleep(0.01)
