"""Packages as files of this gateway, fetched from the store once.

Contract: ``open`` gives a file that is whole and stays readable for as long as it is open, even
if it leaves the cache meanwhile. The cache never holds more than ``bytes_max`` beside what is
being read; what was used last stays longest. One fetch at a time for each package, which goes on
until it is done or the supervisor is closed, whoever gives up waiting for it.
"""

import asyncio
import logging
import shutil
from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import BinaryIO

from kubelambda.core.packages.store import PackageStore, PackagesUnavailableError
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

CACHE_BYTES_MAX = 1 << 30


class PackageCache:
    """Below ``directory``, which is emptied at the start."""

    def __init__(
        self,
        store: PackageStore,
        directory: Path,
        supervisor: Supervisor,
        bytes_max: int = CACHE_BYTES_MAX,
    ) -> None:
        self._store = store
        self._directory = directory
        self._supervisor = supervisor
        self._bytes_max = bytes_max
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._fetching: dict[str, asyncio.Future[None]] = {}
        shutil.rmtree(directory, ignore_errors=True)

    async def put(self, sha256: str, content: bytes) -> None:
        """Hand an upload to the store."""
        await self._store.put(sha256, content)

    async def list_missing(self, names: Sequence[str]) -> list[str]:
        """Those of ``names`` that the store has not; the store's error if it cannot tell.

        What is in this cache says nothing: the store may have collected it.
        """
        return [sha256 for sha256 in names if not await self._store.has(sha256)]

    async def open(self, sha256: str) -> tuple[BinaryIO, int]:
        """The package's file and size; the store's errors if it cannot be had."""
        while sha256 not in self._sizes:
            await self._join_fetch(sha256)
        try:
            file = (self._directory / sha256).open("rb")
        except OSError as error:
            del self._sizes[sha256]  # somebody has removed it: fetch it again when asked again
            raise PackagesUnavailableError(f"a package has left the cache: {error}") from error
        self._sizes.move_to_end(sha256)
        return file, self._sizes[sha256]

    def _join_fetch(self, sha256: str) -> Awaitable[None]:
        fetched = self._fetching.get(sha256)
        if fetched is None:
            fetched = self._fetching[sha256] = asyncio.get_running_loop().create_future()
            self._supervisor.spawn(f"fetching package {sha256}", self._serve(sha256, fetched))
        return asyncio.shield(fetched)

    async def _serve(self, sha256: str, fetched: asyncio.Future[None]) -> None:
        """Fetch it for everybody who waits; the fetch goes on even if all of them have gone."""
        try:
            await self._fetch(sha256)
        except Exception as error:  # noqa: BLE001  # whoever waits gets it, and answers for it
            logger.info("package %s was not fetched: %r", sha256, error)
            fetched.set_exception(error)
            fetched.exception()  # taken: all who waited may have gone
        except BaseException:
            fetched.cancel()
            raise
        else:
            fetched.set_result(None)
        finally:
            del self._fetching[sha256]

    async def _fetch(self, sha256: str) -> None:
        part, path = self._directory / f"{sha256}.part", self._directory / sha256
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            await self._store.fetch(sha256, part)
            size = part.stat().st_size
            part.rename(path)
        except OSError as error:
            raise PackagesUnavailableError(f"cannot keep a package: {error}") from error
        finally:
            part.unlink(missing_ok=True)
        self._sizes[sha256] = size
        while sum(self._sizes.values()) > self._bytes_max and len(self._sizes) > 1:
            oldest, _ = self._sizes.popitem(last=False)
            (self._directory / oldest).unlink(missing_ok=True)
