"""The package store of a cluster: an object store of NATS JetStream.

Contract: ``core.packages.store.PackageStore``. An object is named by its SHA-256; nats-py writes
its chunks first and its description last, so one that was cut off is never found (K2).
"""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import ObjectStoreConfig
from nats.js.errors import BucketNotFoundError, NotFoundError, ObjectNotFoundError
from nats.js.object_store import ObjectStore

from kubelambda.core.packages.store import (
    PackageNotFoundError,
    PackagesUnavailableError,
    check_content,
)
from kubelambda.stores.nats_connection import NatsConnection

BUCKET = "KUBELAMBDA_PACKAGES"
TRANSFER_S = 60.0
ANSWER_S = 5.0

T = TypeVar("T")


class JetStreamPackages:
    """Packages over ``connection``, which somebody else opens and closes."""

    def __init__(self, connection: NatsConnection, *, replicas: int = 1) -> None:
        self._connection = connection
        self._replicas = replicas
        connection.prepare(self._declare)

    async def put(self, sha256: str, content: bytes) -> None:
        """Keep it; nothing is sent if it is there."""
        check_content(sha256, content)
        if await self.has(sha256):
            return
        await _translate(self._put(sha256, content))

    async def has(self, sha256: str) -> bool:
        """Look for its description."""
        try:
            await _translate(self._find(sha256))
        except PackageNotFoundError:
            return False
        return True

    async def fetch(self, sha256: str, target: Path) -> None:
        """Write it to ``target``."""
        await _translate(self._fetch(sha256, target))

    async def _put(self, sha256: str, content: bytes) -> None:
        store = await self._open()
        await store.put(sha256, content)

    async def _find(self, sha256: str) -> None:
        await (await self._open()).get_info(sha256)

    async def _fetch(self, sha256: str, target: Path) -> None:
        store = await self._open()
        with await asyncio.to_thread(target.open, "xb") as file:
            await store.get(sha256, writeinto=file)

    async def _open(self) -> ObjectStore:
        return await self._connection.client.jetstream(timeout=ANSWER_S).object_store(BUCKET)

    async def _declare(self, client: Client) -> None:
        context = client.jetstream(timeout=ANSWER_S)
        try:
            await context.object_store(BUCKET)
        except (BucketNotFoundError, NotFoundError):
            config = ObjectStoreConfig(bucket=BUCKET, replicas=self._replicas)
            await context.create_object_store(BUCKET, config)


async def _translate(operation: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(TRANSFER_S):
            return await operation
    except ObjectNotFoundError as error:
        raise PackageNotFoundError("no such package") from error
    except (NatsError, OSError, TimeoutError) as error:
        raise PackagesUnavailableError(f"NATS: {error!r}") from error
