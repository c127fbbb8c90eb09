"""The queue in memory: for tests and for nothing that has to survive the process.

Contract: ``core.queue.Queue`` but for the durability of Q1. The clock comes in.
"""

import asyncio
from collections.abc import Callable, Sequence

from kubelambda.core.queue import DEDUPLICATION_S, LEASE_S, DeadLetter, Lease, QueuedEvent

_POLL_S = 0.01


class MemoryQueue:
    """Lives on one event loop."""

    def __init__(self, clock: Callable[[], float], *, lease_s: float = LEASE_S) -> None:
        self._clock = clock
        self._lease_s = lease_s
        self._events: dict[int, QueuedEvent] = {}
        self._due: dict[int, float] = {}
        self._tokens: dict[int, int] = {}
        self._published: dict[str, float] = {}
        self._dead: list[DeadLetter] = []
        self._count = 0

    async def publish(self, event: QueuedEvent) -> None:
        """Keep ``event`` unless its message id was published within the last two minutes."""
        now = self._clock()
        if now - self._published.get(event.message_id, -DEDUPLICATION_S) < DEDUPLICATION_S:
            return
        self._published[event.message_id] = now
        self._count += 1
        self._events[self._count] = event
        self._due[self._count] = event.due_at

    async def lease(self, limit: int, wait_s: float) -> Sequence[Lease]:
        """Up to ``limit`` events that are due."""
        end = asyncio.get_running_loop().time() + wait_s
        while True:
            leases = self._take(limit)
            if leases or asyncio.get_running_loop().time() >= end:
                return leases
            await asyncio.sleep(_POLL_S)

    async def extend(self, lease: Lease) -> None:
        """Hold it for LEASE_S more."""
        if self._holds(lease):
            self._due[lease.token[0]] = self._clock() + self._lease_s

    async def ack(self, lease: Lease) -> None:
        """Forget the event, unless somebody else holds it by now."""
        if self._holds(lease):
            for table in (self._events, self._due, self._tokens):
                table.pop(lease.token[0], None)

    async def release(self, lease: Lease) -> None:
        """Give it back."""
        if self._holds(lease):
            self._due[lease.token[0]] = 0.0

    async def bury(self, letter: DeadLetter) -> None:
        """Keep it among the dead ones, once for each message id."""
        if all(one.event.message_id != letter.event.message_id for one in self._dead):
            self._dead.append(letter)

    async def read_dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The oldest ones."""
        return self._dead[:limit]

    async def close(self) -> None:
        """Nothing is held."""

    def _take(self, limit: int) -> list[Lease]:
        now = self._clock()
        due = [number for number, at in self._due.items() if at <= now][:limit]
        for number in due:
            self._due[number] = now + self._lease_s
            self._tokens[number] = self._tokens.get(number, 0) + 1
        return [Lease(self._events[number], (number, self._tokens[number])) for number in due]

    def _holds(self, lease: Lease) -> bool:
        number, token = lease.token
        return bool(self._tokens.get(number) == token)
