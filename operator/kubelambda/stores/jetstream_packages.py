"""The package store of a cluster: an object store of NATS JetStream.

Contract: ``core.packages.store.PackageStore``, over ``jetstream_objects``. An object is named by
its SHA-256. Its chunks are written first and its description last, so one that was cut off is never
found (K2). The revision of a package is the place of its description in the stream (K4): a put that
finds the package there writes the same description again. Each step names the description that it
replaces, and the server writes it only in that one's place (K5): of a put and a withdrawal that
meet one is first, and the other looks again. A withdrawn package (K6) is hidden, and so is deleted
for releases that know no withdrawal. Chunks that an upload has left without a description are
removed ORPHAN_S after they were first seen so: no upload takes so long.
"""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ObjectInfo, ObjectStoreConfig
from nats.js.errors import BucketNotFoundError, NotFoundError

from kubelambda.core.packages.store import (
    PackageNotFoundError,
    PackagesUnavailableError,
    StoredPackage,
    check_content,
)
from kubelambda.stores.jetstream_objects import Description, Objects, Orphans, show
from kubelambda.stores.nats_connection import NatsConnection

BUCKET = "KUBELAMBDA_PACKAGES"
TRANSFER_S = 60.0
ANSWER_S = 5.0
ORPHAN_S = 3600.0

T = TypeVar("T")


class JetStreamPackages:
    """Packages over ``connection``, which somebody else opens and closes."""

    def __init__(
        self, connection: NatsConnection, *, replicas: int = 1, orphan_s: float = ORPHAN_S
    ) -> None:
        self._connection = connection
        self._replicas = replicas
        self._objects = Objects(BUCKET)
        self._orphans = Orphans(orphan_s)
        connection.prepare(self._declare)

    async def put(self, sha256: str, content: bytes) -> None:
        """Keep it; of one that is there, only the description is sent again."""
        check_content(sha256, content)
        await _translate(self._put(sha256, content))

    async def has(self, sha256: str) -> bool:
        """Look for its description."""
        try:
            await _translate(self._find_shown(sha256))
        except PackageNotFoundError:
            return False
        return True

    async def fetch(self, sha256: str, target: Path) -> None:
        """Write it to ``target``."""
        await _translate(self._fetch(sha256, target))

    async def list_all(self) -> list[StoredPackage]:
        """Read every description; chunks that have long been without one are removed."""
        return await _translate(self._list_all(), limit_s=None)

    async def renew(self, package: StoredPackage) -> bool:
        """Send its description again."""
        return await _translate(self._show(package, hidden=(False, False))) is not None

    async def withdraw(self, package: StoredPackage) -> StoredPackage | None:
        """Hide it."""
        return await _translate(self._show(package, hidden=(False, True)))

    async def restore(self, package: StoredPackage) -> bool:
        """Show it."""
        return await _translate(self._show(package, hidden=(True, False))) is not None

    async def delete(self, package: StoredPackage) -> bool:
        """Remove its description and its chunks."""
        return await _translate(self._delete(package))

    async def _put(self, sha256: str, content: bytes) -> None:
        context = self._open()
        written: ObjectInfo | None = None
        while True:
            found = await self._objects.find(context, sha256)
            if found is not None and found.has_content:
                info = show(found, hidden=False)
            else:
                written = written or await self._write(context, sha256, content)
                info = written
            if await self._objects.describe(context, info, found) is not None:
                break
        if written is not None and info is not written:  # another upload was faster
            await self._objects.purge(context, written.nuid)

    async def _write(self, context: JetStreamContext, sha256: str, content: bytes) -> ObjectInfo:
        nuid = secrets.token_hex(11)
        try:
            return await self._objects.write(context, sha256, nuid, content)
        except Exception:
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await self._objects.purge(context, nuid)
            raise

    async def _find_shown(self, sha256: str) -> Description:
        found = await self._objects.find(self._open(), sha256)
        if found is None or not found.has_content:
            raise PackageNotFoundError(f"no package {sha256}")
        if found.is_hidden:
            raise PackagesUnavailableError(f"package {sha256} is withdrawn")
        return found

    async def _fetch(self, sha256: str, target: Path) -> None:
        context, digest = self._open(), hashlib.sha256()
        found = await self._find_shown(sha256)
        try:
            with await asyncio.to_thread(target.open, "xb") as file:
                async for chunk in self._objects.read(context, found.info):
                    digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
        except NotFoundError as error:
            await self._find_shown(sha256)  # it has been withdrawn or deleted since
            raise PackagesUnavailableError(f"package {sha256} has changed") from error
        if digest.hexdigest() != sha256:
            raise PackagesUnavailableError(f"package {sha256} has been read in part")

    async def _list_all(self) -> list[StoredPackage]:
        context = self._open()
        chunks = await self._objects.list_chunks(context)  # first: an upload describes them later
        names = await self._objects.list_names(context)
        # One by one: a consumer of all leaves out what changes meanwhile, and then its chunks would
        # count as orphans.
        found = [await self._objects.find(context, name) for name in sorted(names)]
        kept = [one for one in found if one is not None and one.has_content]
        now_s = asyncio.get_running_loop().time()
        for nuid in self._orphans.take(chunks, [one.info.nuid for one in kept], now_s):
            await self._objects.purge(context, nuid)
        return [_to_stored(one) for one in kept]

    async def _show(
        self, package: StoredPackage, *, hidden: tuple[bool, bool]
    ) -> StoredPackage | None:
        """Describe ``package`` anew; ``hidden`` is what it has to be, and what it becomes."""
        context, (before, after) = self._open(), hidden
        found = await self._objects.find(context, package.sha256)
        if found is None or _to_stored(found) != package or found.is_hidden != before:
            return None
        written = await self._objects.describe(context, show(found, hidden=after), found)
        return _to_stored(written) if written is not None else None

    async def _delete(self, package: StoredPackage) -> bool:
        context = self._open()
        found = await self._objects.find(context, package.sha256)
        if found is None or _to_stored(found) != package or not package.withdrawn:
            return False
        return await self._objects.remove(context, found)

    def _open(self) -> JetStreamContext:
        return self._connection.client.jetstream(timeout=ANSWER_S)

    async def _declare(self, client: Client) -> None:
        context = client.jetstream(timeout=ANSWER_S)
        try:
            await context.object_store(BUCKET)
        except (BucketNotFoundError, NotFoundError):
            config = ObjectStoreConfig(bucket=BUCKET, replicas=self._replicas)
            await context.create_object_store(BUCKET, config)


def _to_stored(description: Description) -> StoredPackage:
    info = description.info
    revision = str(description.sequence)
    return StoredPackage(info.name, info.size or 0, revision, description.is_hidden)


async def _translate(operation: Awaitable[T], *, limit_s: float | None = TRANSFER_S) -> T:
    """The result of ``operation``, each of whose requests takes at most ANSWER_S."""
    try:
        async with asyncio.timeout(limit_s):
            return await operation
    except (NatsError, OSError, TimeoutError) as error:
        raise PackagesUnavailableError(f"NATS: {error!r}") from error
