"""Runs asynchronous events: lease, invoke, settle.

Contract, in numbered rules that the tests name:

- D1 nothing is acknowledged before what follows from it (outcome, successor, dead letter) is
  durable; a dispatcher that is killed anywhere loses nothing.
- D2 a lease is extended while its event waits or runs here; a lease that is not extended expires. A
  run ends when its gateway gives no sign of life, so no lease is held for ever.
- D3 a dispatcher that stops takes no new events, releases those that wait, lets running ones finish
  for a while and releases the rest.
- D4 while the queue is unreachable, leases are asked for again after UNAVAILABLE_S.
- D5 whatever goes wrong with one event is logged, and its lease expires; nothing else stops.
- D6 how many events of a function run at once, and which events go back to the queue for want of
  room, is decided in ``core.asynchronous.lanes``.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol

from kubelambda.core.asynchronous.lane import Ending
from kubelambda.core.asynchronous.lanes import Lanes, Returned
from kubelambda.core.asynchronous.queue import (
    LEASE_S,
    DeadLetter,
    Lease,
    Queue,
    QueuedEvent,
    QueueUnavailableError,
)
from kubelambda.core.asynchronous.settle import (
    Again,
    Dead,
    Done,
    Settlement,
    Wait,
    check_age,
    plan_delay_s,
    put_off,
    settle,
)
from kubelambda.core.backoff import add_jitter
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import LATEST
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.dispatch.leases import HeldLeases
from kubelambda.dispatch.metrics import DispatchMetrics
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

BATCH_MAX = 100
"""Events of one request for leases; with the largest payloads they take 100 MB."""
HELD_MAX = 2_000
LEASE_WAIT_S = 2.0
LEASE_ANSWER_S = 15.0
UNAVAILABLE_S = 1.0
ROOM_WAIT_S = 0.02
TICK_S = 0.1
"""How often all lanes are looked at: some wait for nothing but time to pass."""


class Invoker(Protocol):
    """Runs an event by its function."""

    async def invoke(
        self, event: QueuedEvent, on_begun: Callable[[], None]
    ) -> Outcome | ApiError | Dropped:
        """Run it to its end; Dropped if nobody knows how it ended.

        ``on_begun`` is called when the event was handed to an environment. Returns in bounded time
        if the gateway that runs the event gives no sign of life.
        """
        ...


class Dispatcher:
    """``open``, and at the end ``drain``; then close the supervisor."""

    def __init__(
        self,
        queue: Queue,
        invoker: Invoker,
        metrics: DispatchMetrics,
        clock: Callable[[], float],
        *,
        supervisor: Supervisor,
        lease_s: float = LEASE_S,
        lanes: Lanes | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._invoker = invoker
        self._metrics = metrics
        self._clock = clock
        self._chance = chance
        self._supervisor = supervisor
        self._lanes = Lanes() if lanes is None else lanes
        self._leases = HeldLeases(queue, lease_s)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self._leasing_ended = asyncio.Event()

    @property
    def held(self) -> int:
        """Events that wait, run or are being settled."""
        return len(self._leases)

    def open(self) -> None:
        """Lease and run events until ``drain``."""
        self._supervisor.keep("the leasing of events", self._lease_events)
        self._supervisor.keep("the lanes of events", self._look_at_lanes)
        self._supervisor.keep("the extension of leases", self._leases.run)

    async def drain(self, drain_s: float) -> None:
        """Release what waits; wait ``drain_s`` for what runs, then release the rest (D3)."""
        self._stopping = True
        has_leases = len(self._leases) > 0
        await self._release(key for key in self._leases.list_keys() if key not in self._tasks)
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=drain_s)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if has_leases:
            await self._wait_for_leasing()
        await self._release(self._leases.list_keys())

    async def _wait_for_leasing(self) -> None:
        """A request for leases that is under way may lease again what is released meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEASE_WAIT_S + UNAVAILABLE_S):
                await self._leasing_ended.wait()

    async def _lease_events(self) -> None:
        while not self._stopping:
            room = min(BATCH_MAX, self._lanes.lease_limit, HELD_MAX - len(self._leases))
            if room < BATCH_MAX // 2:
                # Each lease is a request to the queue: let some more events finish first.
                await asyncio.sleep(ROOM_WAIT_S)
                room = min(BATCH_MAX, self._lanes.lease_limit, HELD_MAX - len(self._leases))
            if room <= 0:
                continue
            try:
                async with asyncio.timeout(LEASE_ANSWER_S):
                    leases = await self._queue.lease(room, LEASE_WAIT_S)
            except (QueueUnavailableError, TimeoutError) as error:
                logger.warning("cannot lease events: %r; asking again", error)
                await asyncio.sleep(UNAVAILABLE_S)
                continue
            await self._take(leases)
        self._leasing_ended.set()
        await asyncio.Event().wait()  # what was released is for other dispatchers

    async def _take(self, leases: Sequence[Lease]) -> None:
        new = [lease.event for lease in leases if self._leases.take(lease)]
        if self._stopping:
            await self._release(event.message_id for event in new)
            return
        now = self._loop.time()
        for event in new:
            size = len(event.payload)
            self._lanes.add(_lane_of(event), event.message_id, event.accepted_at, size, now)
        for function in {_lane_of(event): None for event in new}:
            self._start_next(function)

    async def _look_at_lanes(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = self._loop.time()
            if not self._stopping:
                for key in self._lanes.take(now):
                    self._start(key)
                for returned in self._lanes.give_back(now):
                    self._return(returned)
            self._lanes.forget_idle(now)
            self._metrics.show(self._lanes)

    def _start_next(self, function: str) -> None:
        if not self._stopping:
            for key in self._lanes.take_of(function, self._loop.time()):
                self._start(key)

    def _start(self, key: str) -> None:
        self._begin_work(key, self._serve(key))

    def _return(self, returned: Returned) -> None:
        """The lane has no room for the event: back to the queue for a while."""
        event = self._leases.get(returned.key).event
        if returned.delay_s is None:
            delay_s = plan_delay_s(event, self._chance())
        else:
            delay_s = add_jitter(returned.delay_s, self._chance())
        settlement = put_off(event, self._clock(), delay_s)
        self._begin_work(returned.key, self._carry_out(returned.key, settlement))

    def _begin_work(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        name = f"the event {self._leases.get(key).event.request_id}"
        task = self._supervisor.spawn(name, work, lambda _: self._forget(key))
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._forget_task(key, done))

    def _forget(self, key: str) -> None:
        """Something went wrong: the lease expires, and the event is delivered again (D5)."""
        self._leases.drop(key)

    def _forget_task(self, key: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    async def _serve(self, key: str) -> None:
        event = self._leases.get(key).event
        try:
            settlement, ending = await self._run(key, event)
        except BaseException:  # a run that was cancelled has ended, too
            self._lanes.end(key, Ending.FAILED, self._loop.time(), self._chance())
            raise
        if isinstance(settlement, Wait):
            self._metrics.count_throttle()
            del self._tasks[key]
        self._lanes.end(key, ending, self._loop.time(), self._chance())
        self._start_next(_lane_of(event))
        if not isinstance(settlement, Wait):
            await self._carry_out(key, settlement)

    async def _run(self, key: str, event: QueuedEvent) -> tuple[Settlement, Ending]:
        too_old = check_age(event, self._clock())
        if too_old is not None:
            return too_old, Ending.NOT_RUN
        result = await self._invoker.invoke(
            event, lambda: self._lanes.begin(key, self._loop.time())
        )
        settlement = settle(event, result, self._clock(), chance=self._chance())
        return settlement, _classify(result, settlement)

    async def _carry_out(self, key: str, settlement: Done | Again | Dead) -> None:
        event = self._leases.get(key).event
        try:
            await self._make_durable(event, settlement)
            await self._queue.ack(self._leases.get(key))
        except QueueUnavailableError as error:
            # Not settled: the event is delivered again, under the same request id (D1).
            logger.warning("%s: %s; it will be run again", event.request_id, error)
        else:
            self._metrics.count(settlement)
        self._leases.drop(key)

    async def _make_durable(self, event: QueuedEvent, settlement: Done | Again | Dead) -> None:
        if isinstance(settlement, Again):
            await self._queue.publish(settlement.successor)
        elif isinstance(settlement, Dead):
            letter = DeadLetter(event, settlement.condition.value, settlement.detail)
            await self._queue.dead_letter(letter)
            logger.info("%s is a dead letter: %s", event.request_id, settlement.condition.value)
        elif settlement.dropped:
            named = f"{event.namespace}/{event.function_name}:{event.qualifier or LATEST}"
            logger.info("%s is dropped: %s was deleted", event.request_id, named)

    async def _release(self, keys: Iterable[str]) -> None:
        await asyncio.gather(*(self._release_one(key) for key in list(keys)))

    async def _release_one(self, key: str) -> None:
        lease = self._leases.drop(key)
        if lease is None:
            return
        try:
            await self._queue.release(lease)
        except Exception as error:  # noqa: BLE001  # stopping goes on; the lease expires
            logger.warning("%s; the lease of %s runs out", error, lease.event.request_id)


def _lane_of(event: QueuedEvent) -> str:
    """Concurrency is the function's, whatever the qualifier."""
    return f"{event.namespace}/{event.function_name}"


def _classify(result: Outcome | ApiError | Dropped, settlement: Settlement) -> Ending:
    if isinstance(settlement, Wait):
        return Ending.THROTTLED
    if isinstance(result, Outcome):
        return Ending.COMPLETED
    if isinstance(result, ApiError) and result.is_gone:
        return Ending.NOT_RUN
    return Ending.FAILED
