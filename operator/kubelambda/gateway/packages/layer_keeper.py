"""Copies the content of small layers into the package store, so that their objects may be deleted.

Contract: every layer that a function of the catalog uses and whose content is in its object
(inline, zipFile) is put into the package store under its SHA-256, which the function's status
remembers. Any number of gateways may do so, again and again: a function that appears or changes
puts its layers once more, since their packages may have been collected meanwhile. While the store
is unreachable it is tried again, each RETRY_S. Content that does not match its digest is never
kept; that is logged once. Source: spec/lambda.md, section 6.7 (functions that already use a deleted
version keep working).
"""

import asyncio
import base64
import logging

from kubelambda.core.model.code import InlineZip
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.layer import Layer
from kubelambda.core.packages.store import PackageStore, PackagesUnavailableError
from kubelambda.core.ports import Catalog

logger = logging.getLogger(__name__)

RETRY_S = 5.0


class LayerKeeper:
    """Follows ``catalog``; ``run`` does the work until it is cancelled."""

    def __init__(self, catalog: Catalog, store: PackageStore, *, retry_s: float = RETRY_S) -> None:
        self._catalog = catalog
        self._store = store
        self._retry_s = retry_s
        self._waiting: dict[str, Layer] = {}
        """By SHA-256, in the order in which they came; each until the store has it."""
        self._refused: set[str] = set()
        self._wake = asyncio.Event()
        catalog.subscribe(self._follow)

    async def run(self) -> None:
        """Put one layer after the other into the store, until cancelled."""
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            sha256, layer = next(iter(self._waiting.items()))
            del self._waiting[sha256]  # first: whoever names it from now on wants it put once more
            try:
                await self._keep(layer)
            except PackagesUnavailableError as error:
                logger.warning("layer %s is not kept yet: %s", layer.reference, error)
                self._waiting.setdefault(sha256, layer)
                await asyncio.sleep(self._retry_s)
            except ValueError as error:
                self._refused.add(sha256)
                message = "layer %s cannot be kept: %s"
                logger.error(message, layer.reference, error)  # noqa: TRY400  # it says all
            except BaseException:
                self._waiting.setdefault(sha256, layer)  # ``run`` may be called again
                raise

    def _follow(self, ref: FunctionRef) -> None:
        function = self._catalog.get(ref)
        for layer in function.layers if function is not None else ():
            if isinstance(layer.content, InlineZip) and layer.sha256 not in self._refused:
                self._waiting.setdefault(layer.sha256, layer)
                self._wake.set()

    async def _keep(self, layer: Layer) -> None:
        if isinstance(layer.content, InlineZip):
            await self._store.put(layer.sha256, base64.b64decode(layer.content.base64))
