"""Runs asynchronous events: lease, invoke, settle.

Contract, in numbered rules that the tests name:

- D1 nothing is acknowledged before what follows from it (outcome, successor, dead letter) is
  durable; a dispatcher that is killed anywhere loses nothing.
- D2 a lease is extended while its event runs; one that is not extended runs out by itself.
- D3 stopping takes no new events, lets running ones finish for a while and releases the rest.
- D4 a queue that is away is asked again, never in a hot loop.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from kubelambda.core.errors import ApiError
from kubelambda.core.invocation import Dropped, Outcome
from kubelambda.core.queue import (
    LEASE_S,
    DeadLetter,
    Lease,
    Queue,
    QueuedEvent,
    QueueUnavailableError,
)
from kubelambda.core.settle import Again, Dead, settle
from kubelambda.dispatch.metrics import DispatchMetrics

logger = logging.getLogger(__name__)

RUNNING_MAX = 500
LEASE_WAIT_S = 2.0
UNAVAILABLE_S = 1.0
ROOM_SHARE = 10
ROOM_WAIT_S = 0.02


class Invoker(Protocol):
    """How an event reaches its function."""

    async def invoke(self, event: QueuedEvent) -> Outcome | ApiError | Dropped:
        """Run it to its end; Dropped where nobody knows how it ended."""
        ...


class Dispatcher:
    """``run`` until cancelled; then ``drain``."""

    def __init__(
        self,
        queue: Queue,
        invoker: Invoker,
        metrics: DispatchMetrics,
        clock: Callable[[], float],
        *,
        lease_s: float = LEASE_S,
        running_max: int = RUNNING_MAX,
    ) -> None:
        self._queue = queue
        self._invoker = invoker
        self._metrics = metrics
        self._clock = clock
        self._lease_s = lease_s
        self._running_max = running_max
        self._running: dict[asyncio.Task[None], Lease] = {}
        self._finished = asyncio.Event()

    @property
    def running(self) -> int:
        """Events that are being run."""
        return len(self._running)

    async def run(self) -> None:
        """Lease and run events until cancelled."""
        while True:
            room = self._running_max - len(self._running)
            if room <= 0:
                self._finished.clear()
                await self._finished.wait()
                continue
            if room < self._running_max // ROOM_SHARE:
                # Each lease is a request to the queue: let some more events finish first.
                await asyncio.sleep(ROOM_WAIT_S)
                room = self._running_max - len(self._running)
            try:
                leases = await self._queue.lease(room, LEASE_WAIT_S)
            except QueueUnavailableError as error:
                logger.warning("%s; asking again", error)
                await asyncio.sleep(UNAVAILABLE_S)
                continue
            for lease in leases:
                task = asyncio.create_task(self._serve(lease))
                self._running[task] = lease
                task.add_done_callback(self._note_finished)

    async def drain(self, drain_s: float) -> None:
        """Wait for what runs; give back what does not finish in time (D3)."""
        if self._running:
            await asyncio.wait(list(self._running), timeout=drain_s)
        for task, lease in list(self._running.items()):
            task.cancel()
            try:
                await self._queue.release(lease)
            except QueueUnavailableError as error:
                logger.warning("%s; the lease of %s runs out", error, lease.event.request_id)

    async def _serve(self, lease: Lease) -> None:
        keeping = asyncio.create_task(self._keep(lease))
        try:
            result = await self._invoker.invoke(lease.event)
            await self._settle(lease, result)
        except QueueUnavailableError as error:
            # Not settled: the event is delivered again, under the same request id (D1).
            logger.warning("%s: %s; it will be run again", lease.event.request_id, error)
        finally:
            keeping.cancel()

    async def _settle(self, lease: Lease, result: Outcome | ApiError | Dropped) -> None:
        event = lease.event
        settlement = settle(event, result, self._clock())
        if isinstance(settlement, Again):
            await self._queue.publish(settlement.successor)
        elif isinstance(settlement, Dead):
            await self._queue.bury(DeadLetter(event, settlement.condition.value, settlement.detail))
            logger.info("%s is a dead letter: %s", event.request_id, settlement.condition.value)
        elif settlement.dropped:
            logger.info("%s is dropped: its function is gone", event.request_id)
        await self._queue.ack(lease)
        self._metrics.count(settlement)

    async def _keep(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            try:
                await self._queue.extend(lease)
            except QueueUnavailableError as error:
                logger.warning("%s: cannot extend the lease: %s", lease.event.request_id, error)

    def _note_finished(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._finished.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a bug while settling; the event will be run again", exc_info=error)
