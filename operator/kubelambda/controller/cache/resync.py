"""Finds deletions that no watch has told of.

Contract: when a watch was interrupted for too long, kopf lists again and never tells what was
deleted meanwhile. So every RESYNC_S each kind is listed (metadata only), and an object that the
complete list does not contain leaves the store, if it was there before the list began. A list that
fails removes nothing.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.kinds import KINDS
from kubelambda.controller.cache.store import Store
from kubelambda.controller.cache.table import Table
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError
from kubelambda.kube.paths import Resource

logger = logging.getLogger(__name__)

RESYNC_S = 300.0
_PAGE_ITEMS = 250


class Resync:
    """Compares the store with complete lists."""

    def __init__(
        self, client: KubeApi, store: Store, intake: Intake, namespaces: Sequence[str]
    ) -> None:
        self._client = client
        self._intake = intake
        self._scopes: Sequence[str | None] = list(namespaces) or [None]
        self._tables: list[tuple[Resource, Table[Any], str]] = [
            (kind.resource, kind.table(store), kind.selector) for kind in reversed(KINDS)
        ]

    async def run(self) -> None:
        """Compare every RESYNC_S, for ever."""
        while True:
            await asyncio.sleep(RESYNC_S)
            await self.compare_all()

    async def compare_all(self) -> None:
        """Compare every kind once; one that cannot be compared stays as it is."""
        for resource, table, selector in self._tables:
            try:
                await self.compare(resource, table, selector)
            except KubeError as error:
                logger.warning("cannot list %s: %s", resource.plural, error)
            except Exception:
                logger.exception("cannot compare %s; next try in %d s", resource.plural, RESYNC_S)

    async def compare(self, resource: Resource, table: Table[Any], selector: str) -> None:
        """Drop what one complete list of ``resource`` does not contain."""
        before = {record.uid: key for key, record in table.items()}
        present: set[str] = set()
        for namespace in self._scopes:
            async for page in self._client.list_pages(
                resource,
                namespace,
                label_selector=selector,
                page_items=_PAGE_ITEMS,
                metadata_only=True,
            ):
                present.update(manifest["metadata"]["uid"] for manifest in page)
        for uid in before.keys() - present:
            namespace_name = before[uid]
            record = table.get(namespace_name)
            if record is not None and record.uid == uid:
                logger.info("%s %s is gone unseen", resource.kind, "/".join(namespace_name))
                self._intake.drop_missing(resource.plural, namespace_name)
