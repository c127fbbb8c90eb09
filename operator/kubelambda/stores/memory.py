"""The queue in memory, for tests: nothing in it survives the process.

Contract: ``core.asynchronous.queue.Queue`` but for the durability of Q1. The clock comes in.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kubelambda.core.asynchronous.queue import (
    DEDUPLICATION_S,
    LEASE_S,
    DeadLetter,
    Lease,
    QueuedEvent,
    UnreadableEventError,
    decode_event,
    encode_header,
    plan_unreadable_delay_s,
)
from kubelambda.stores.unreadable import UnreadableRecords

_POLL_S = 0.01


@dataclass(slots=True)
class _Record:
    header: str
    payload: bytes
    due_at: float
    token: int = 0
    """How often it was leased; the present lease has the last number."""


class MemoryQueue:
    """Lives on one event loop."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        lease_s: float = LEASE_S,
        on_unreadable: Callable[[], None] | None = None,
    ) -> None:
        self._clock = clock
        self._lease_s = lease_s
        self._unreadable = UnreadableRecords(on_unreadable)
        self._records: dict[int, _Record] = {}
        self._published: dict[str, float] = {}
        self._dead: list[DeadLetter] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._records)

    async def publish(self, event: QueuedEvent) -> None:
        """Keep ``event`` unless its message id was published within the last two minutes."""
        now = self._clock()
        if now - self._published.get(event.message_id, -DEDUPLICATION_S) < DEDUPLICATION_S:
            return
        self._published[event.message_id] = now
        self.put(encode_header(event), event.payload, event.due_at)

    def put(self, header: str, payload: bytes, due_at: float = 0.0) -> None:
        """Keep a record as it is."""
        self._count += 1
        self._records[self._count] = _Record(header, payload, due_at)

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
        if (record := self._held(lease)) is not None:
            record.due_at = self._clock() + self._lease_s

    async def ack(self, lease: Lease) -> None:
        """Remove the event, unless another lease holds it by now."""
        if self._held(lease) is not None:
            del self._records[lease.token[0]]

    async def release(self, lease: Lease) -> None:
        """Give it back."""
        if (record := self._held(lease)) is not None:
            record.due_at = 0.0

    async def dead_letter(self, letter: DeadLetter) -> None:
        """Keep the dead letter, once for each message id."""
        if all(event.event.message_id != letter.event.message_id for event in self._dead):
            self._dead.append(letter)

    async def read_dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The oldest ones."""
        return self._dead[:limit]

    async def close(self) -> None:
        """Nothing is held."""

    def _take(self, limit: int) -> list[Lease]:
        now = self._clock()
        due = [number for number, record in self._records.items() if record.due_at <= now]
        leases = []
        for number in due[:limit]:
            record = self._records[number]
            record.token += 1
            try:
                event = decode_event(record.header, record.payload)
            except UnreadableEventError as error:
                record.due_at = now + plan_unreadable_delay_s(record.token - 1)
                self._unreadable.note(error)
                continue
            record.due_at = now + self._lease_s
            leases.append(Lease(event, (number, record.token)))
        return leases

    def _held(self, lease: Lease) -> _Record | None:
        number, token = lease.token
        record = self._records.get(number)
        return record if record is not None and record.token == token else None
