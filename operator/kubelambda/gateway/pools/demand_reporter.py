"""Reporting to the controller which environments there are and how many requests wait.

Contract: ``core.wire.demand``, rules D1 to D3. A report is made when something has changed, and
each PERIOD_S; changes within COALESCE_S make one report. It contains what has changed; at the
start, each WHOLE_S, and whenever the controller does not hold what the changes begin from, it
contains everything. After a report that failed, the next contains everything. Thousands of
environments are gone through a slice at a time, so that requests are served in between. Reports go
through the port ``core.ports.DemandSink`` (``demand_sink`` on a cluster).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from kubelambda.core.model.function import FunctionRef
from kubelambda.core.ports import DemandSink
from kubelambda.core.wire.demand import DemandReport, Drain, FunctionDemand
from kubelambda.core.wire.demand_change import has_changed
from kubelambda.gateway.metrics import ColdStartStage, ignore_stage

logger = logging.getLogger(__name__)

PERIOD_S = 1.0
WHOLE_S = 300.0
COALESCE_S = 0.005
FAILURE_LOG_S = 30.0
SLICE_FUNCTIONS = 25
"""After this many functions have been visited or encoded, other tasks get a turn."""


class DemandError(Exception):
    """The controller could not be told; the message says why."""


class DemandSource(Protocol):
    """Who knows the demand: the pools."""

    def refs(self) -> Sequence[FunctionRef]:
        """The functions that there is demand of."""
        ...

    def report_of(self, ref: FunctionRef) -> FunctionDemand | None:
        """The demand of one of them; None if there is none."""
        ...


class DemandReporter:
    """``run`` reports until it is cancelled, and may be called again; ``notify`` asks for a report
    of a function soon.
    """

    def __init__(
        self,
        gateway: str,
        sink: DemandSink,
        source: DemandSource,
        drain: Callable[[Drain], None],
        clock: Callable[[], float] = time.monotonic,
        observe_stage: Callable[[ColdStartStage, float], None] = ignore_stage,
    ) -> None:
        self._gateway = gateway
        self._sink = sink
        self._source = source
        self._drain = drain
        self._clock = clock
        self._observe_stage = observe_stage
        self._notified_at = 0.0
        self._wanted = asyncio.Event()
        self._changed: set[FunctionRef] = set()
        self._told: dict[FunctionRef, tuple[FunctionDemand, float]] = {}
        """What the controller knows from the report ``_base``, and when each pool was asked."""
        self._base: int | None = None
        """The report that the controller holds; None if the next must contain everything."""
        self._sequence = time.time_ns()
        self._whole_at = self._looked_at = 0.0
        self._last_complaint = 0.0

    def notify(self, ref: FunctionRef) -> None:
        """The demand of ``ref`` has changed."""
        if not self._changed:
            self._notified_at = self._clock()
        self._changed.add(ref)
        self._wanted.set()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            try:
                async with asyncio.timeout(PERIOD_S):
                    await self._wanted.wait()
                await asyncio.sleep(COALESCE_S)
            except TimeoutError:
                pass
            self._wanted.clear()
            await self._report()

    async def _report(self) -> None:
        # Until this report is known to be held, the next is whole: so it is after any failure.
        base, self._base = self._base, None
        began = self._notified_at if self._changed else self._clock()
        if base is not None and self._clock() - self._whole_at >= WHOLE_S:
            base = None
        report = await self._look(base)
        try:
            reply = await self._sink.report(report)
        except DemandError as error:
            await self._recover(report, error)
            return
        if any(one.waiting for one in report.functions):
            self._observe_stage("posted", self._clock() - began)
        if reply.sequence == report.sequence:
            self._base = report.sequence
        elif report.base is not None:
            self._wanted.set()
        for one in reply.drains:
            self._drain(one)

    async def _recover(self, report: DemandReport, error: DemandError) -> None:
        """After changes that were refused, everything is sent at once."""
        if report.base is not None:
            self._wanted.set()
            return
        self._complain(error)
        await asyncio.sleep(PERIOD_S / 4)

    async def _look(self, base: int | None) -> DemandReport:
        """The report to send now; every function is gone through once in PERIOD_S."""
        now = self._clock()
        changed: Iterable[FunctionRef]
        changed, self._changed = self._changed, set()
        if base is None:
            self._told = {}
            self._whole_at = self._looked_at = now
            changed = self._source.refs()
        elif now - self._looked_at >= PERIOD_S:
            self._looked_at = now
            changed = dict.fromkeys([*self._source.refs(), *self._told])
        functions = await self._find_news(changed)
        self._sequence += 1
        return DemandReport(self._gateway, self._sequence, functions, base)

    async def _find_news(self, refs: Iterable[FunctionRef]) -> tuple[FunctionDemand, ...]:
        news: list[FunctionDemand] = []
        for number, ref in enumerate(refs, start=1):
            one = self._find_one(ref)
            if one is not None:
                news.append(one)
            if number % SLICE_FUNCTIONS == 0:
                await asyncio.sleep(0)
        return tuple(news)

    def _find_one(self, ref: FunctionRef) -> FunctionDemand | None:
        now = self._clock()
        present, known = self._source.report_of(ref), self._told.get(ref)
        if present is None:
            self._told.pop(ref, None)
            return FunctionDemand(ref.namespace, ref.name, known[0].uid, 0) if known else None
        if known is not None and not has_changed(known[0], present, now - known[1]):
            return None
        self._told[ref] = (present, now)
        return present

    def _complain(self, error: DemandError) -> None:
        now = time.monotonic()
        if now - self._last_complaint > FAILURE_LOG_S:
            self._last_complaint = now
            logger.warning("%s: environments are not scaled until it can", error)
