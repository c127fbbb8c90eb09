"""Collects packages: carries out the steps of ``core.packages.collection``.

Contract: every gateway does this, and none needs to know of the others: each step acts on a
revision, so of two that do the same one does nothing. (One chosen gateway would have the only
marks, and lose them whenever it is replaced; so the gateway that has run longest collects.) A look
at everything is one list of the packages and one of the objects, and a second one of the objects if
a package is due. What a collector that was killed has left withdrawn is settled by the next look of
any collector. While names or packages cannot be read nothing is deleted. Each deletion is logged.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence

from kubelambda.core.packages.collection import Mark, Settlement, plan_collection, settle
from kubelambda.core.packages.names import NamesUnknownError, PackageNames
from kubelambda.core.packages.store import (
    PackageStore,
    PackagesUnavailableError,
    StoredPackage,
)
from kubelambda.gateway.metrics import GatewayMetrics
from kubelambda.process.cancellation import is_ending

logger = logging.getLogger(__name__)

FIRST_LOOK_S = 30.0
LOOKS = 24
"""How often all packages are looked at within the retention."""
LOOK_S_MIN, LOOK_S_MAX = 1.0, 3600.0


class PackageCollector:
    """Deletes from ``store`` what ``names`` has not named for ``retention_s``."""

    def __init__(
        self,
        store: PackageStore,
        names: PackageNames,
        metrics: GatewayMetrics,
        *,
        retention_s: float,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._store = store
        self._names = names
        self._metrics = metrics
        self._retention_s = retention_s
        self._clock = clock if clock is not None else asyncio.get_running_loop().time
        self._marks: Mapping[str, Mark] = {}
        self._is_settled = True
        """False while packages may be withdrawn."""

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        longest_s = min(max(self._retention_s / LOOKS, LOOK_S_MIN), LOOK_S_MAX)
        delay_s = min(FIRST_LOOK_S, longest_s)
        while True:
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))  # noqa: S311  # spread
            try:
                await self.collect()
            except (NamesUnknownError, PackagesUnavailableError) as error:
                logger.warning("no packages are collected now: %s", error)
            if is_ending():  # Python's wait_for may have swallowed the cancellation
                raise asyncio.CancelledError
            delay_s = longest_s if self._is_settled else min(FIRST_LOOK_S, longest_s)

    async def collect(self) -> None:
        """One look at everything, and all that follows from it."""
        stored = await self._store.list_all()
        self._metrics.packages.set(len(stored))
        self._metrics.package_bytes.set(sum(one.size for one in stored))
        withdrawn = [one for one in stored if one.withdrawn]
        self._is_settled = not withdrawn
        try:
            due = await self._mark(stored)
            if not due and not withdrawn:
                return
            self._is_settled = False
            for package in due:
                if (hidden := await self._store.withdraw(package)) is not None:
                    withdrawn.append(hidden)  # noqa: PERF401  # those so far, if one fails
            named = await self._names.read() | self._names.list_served()
        except BaseException:
            await self._restore(withdrawn)
            raise
        await self._carry_out(settle(withdrawn, named))
        self._is_settled = True

    async def _mark(self, stored: Sequence[StoredPackage]) -> Sequence[StoredPackage]:
        """G0 to G2: what is due."""
        if not stored:  # nothing is worth a list of all objects
            self._marks = {}
            return ()
        named, served = await self._names.read(), self._names.list_served()
        for package in stored:
            if package.sha256 in served and package.sha256 not in named and not package.withdrawn:
                await self._store.renew(package)
        plan = plan_collection(
            stored,
            named | served,
            self._marks,
            now_s=self._clock(),
            retention_s=self._retention_s,
        )
        self._marks = plan.marks
        return plan.due

    async def _carry_out(self, settlement: Settlement) -> None:
        for package in settlement.restored:
            await self._store.restore(package)
        for package in settlement.deleted:
            if await self._store.delete(package):
                self._metrics.packages_collected.inc()
                logger.info(
                    "package %s of %d bytes is deleted: nothing names it",
                    package.sha256,
                    package.size,
                )

    async def _restore(self, withdrawn: Iterable[StoredPackage]) -> None:
        """Give back what nothing can be said of now; the next look settles what cannot be."""
        with contextlib.suppress(PackagesUnavailableError):
            for package in withdrawn:
                await self._store.restore(package)
