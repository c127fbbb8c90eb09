"""What a controller learns of packages from a real gateway, over loopback."""

import asyncio
import hashlib
from pathlib import Path

import aiohttp
import pytest

from integration.conftest import MASTER, Installation, MakeInstallation
from kubelambda.cli.package_upload import upload
from kubelambda.controller.packages.known_packages import KnownPackages
from kubelambda.controller.packages.package_lookup import HttpPackageLookup
from kubelambda.controller.packages.package_problem import Presence
from kubelambda.controller.records.keys import WorkKey
from kubelambda.core.packages.code_zip import build_inline_zip
from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.core.wire.package_lookup import (
    LOOKUP_BYTES_MAX,
    LOOKUP_PATH,
    NAMES_MAX,
    NoPackageStoreError,
    encode_lookup,
)
from kubelambda.process.signatures import Signatures
from kubelambda.stores.directory import DirectoryPackages
from ports import free_port

CONTENT = build_inline_zip({"app.py": "any files will do"})
NAME, ABSENT = hashlib.sha256(CONTENT).hexdigest(), "0" * 64
KEY: WorkKey = ("function", "apps", "hello")


class AwayPackages(DirectoryPackages):
    """A store that cannot be asked."""

    async def has(self, sha256: str) -> bool:
        raise PackagesUnavailableError(f"not now: {sha256}")


def find_address(installation: Installation) -> str:
    """Where a controller asks."""
    return f"127.0.0.1:{installation.gateway.internal_port}"


async def test_what_was_uploaded_is_there_and_the_rest_is_missing(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    store = DirectoryPackages(tmp_path / "packages")
    installation = await make_installation(packages=store, package_cache=tmp_path / "cache")
    lookup = HttpPackageLookup(find_address(installation), Signatures.derive(MASTER, 1))
    assert await lookup.ask([NAME, ABSENT]) == {NAME, ABSENT}
    await store.put(NAME, CONTENT)
    assert await lookup.ask([NAME, ABSENT]) == {ABSENT}
    many = [f"{number:064x}" for number in range(NAMES_MAX)]
    assert await lookup.ask(many) == set(many)


async def test_an_upload_is_news_within_seconds_for_who_waits_for_it(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """As users upload it: through the public listener."""
    store = DirectoryPackages(tmp_path / "packages")
    installation = await make_installation(packages=store, package_cache=tmp_path / "cache")
    lookup = HttpPackageLookup(find_address(installation), Signatures.derive(MASTER, 1))
    told: asyncio.Queue[WorkKey] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    packages = KnownPackages(lookup.ask, told.put_nowait, loop.time)
    running = asyncio.create_task(packages.run())
    assert await packages.look(KEY, [NAME]) == {NAME: Presence.MISSING}
    assert await told.get() == KEY
    await asyncio.to_thread(upload, installation.url, CONTENT)
    async with asyncio.timeout(30):
        assert await told.get() == KEY
    assert await packages.look(KEY, [NAME]) == {}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_installation_without_a_store_says_so(
    make_installation: MakeInstallation,
) -> None:
    installation = await make_installation()
    lookup = HttpPackageLookup(find_address(installation), Signatures.derive(MASTER, 1))
    with pytest.raises(NoPackageStoreError):
        await lookup.ask([NAME])


async def test_a_store_that_is_away_is_no_answer(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    store = AwayPackages(tmp_path / "packages")
    installation = await make_installation(packages=store, package_cache=tmp_path / "cache")
    lookup = HttpPackageLookup(find_address(installation), Signatures.derive(MASTER, 1))
    with pytest.raises(PackagesUnavailableError, match="503"):
        await lookup.ask([NAME])


async def test_a_gateway_that_is_not_there_is_no_answer() -> None:
    with pytest.raises(PackagesUnavailableError):
        await HttpPackageLookup(f"127.0.0.1:{free_port()}", Signatures.derive(MASTER, 1)).ask(
            [NAME]
        )


async def test_only_the_installations_own_processes_are_told(
    make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """Rule A6: which packages there are is nobody else's business."""
    store = DirectoryPackages(tmp_path / "packages")
    installation = await make_installation(packages=store, package_cache=tmp_path / "cache")
    address = find_address(installation)
    with pytest.raises(PackagesUnavailableError, match="401"):
        await HttpPackageLookup(address, Signatures.derive(b"x" * 32, 1)).ask([NAME])
    async with aiohttp.ClientSession() as session:
        statuses = {}
        for name, body in {
            "unsigned": encode_lookup([NAME]),
            "too long": b" " * (LOOKUP_BYTES_MAX + 1),
        }.items():
            async with session.post(f"http://{address}{LOOKUP_PATH}", data=body) as answer:
                statuses[name] = answer.status
    assert statuses == {"unsigned": 401, "too long": 413}
    url = f"{installation.url}{LOOKUP_PATH}"
    async with aiohttp.ClientSession() as session, session.post(url, data=b"{}") as answer:
        assert answer.status == 404, "the public listener knows no such path"
