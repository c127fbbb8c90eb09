"""The leases that a dispatcher holds, and their extension (D2).

Contract: an event is known by its message id. From ``take`` until ``drop`` a lease is extended each
third of its time, by ``run``. An extension that fails is logged and tried again; it ends neither
the others nor ``run``.
"""

import asyncio
import logging

from kubelambda.core.asynchronous.queue import Lease, Queue

logger = logging.getLogger(__name__)

CHECKS = 4
"""How often the leases are gone through in the time after which one is extended."""


class HeldLeases:
    """Keep ``run`` under a supervisor for as long as anything is held."""

    def __init__(self, queue: Queue, lease_s: float) -> None:
        self._queue = queue
        self._extend_s = lease_s / 3
        self._leases: dict[str, Lease] = {}
        self._extended_at: dict[str, float] = {}
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._leases)

    def __contains__(self, key: str) -> bool:
        return key in self._leases

    def take(self, lease: Lease) -> bool:
        """Hold ``lease``; False if its event was held already, by a lease that has expired."""
        key = lease.event.message_id
        is_new = key not in self._leases
        self._leases[key] = lease
        self._extended_at[key] = self._loop.time()
        return is_new

    def get(self, key: str) -> Lease:
        """The lease that holds the event now."""
        return self._leases[key]

    def drop(self, key: str) -> Lease | None:
        """Stop extending it; returns the lease, or None if it was dropped before."""
        self._extended_at.pop(key, None)
        return self._leases.pop(key, None)

    def list_keys(self) -> list[str]:
        """All events that are held."""
        return list(self._leases)

    async def run(self) -> None:
        """Extend the leases, until cancelled."""
        while True:
            await asyncio.sleep(self._extend_s / CHECKS)
            before = self._loop.time() - self._extend_s * (1 - 1 / CHECKS)
            due = [key for key, at in self._extended_at.items() if at <= before]
            await asyncio.gather(*(self._extend(key) for key in due))

    async def _extend(self, key: str) -> None:
        lease = self._leases.get(key)
        if lease is None:
            return
        try:
            async with asyncio.timeout(self._extend_s):
                await self._queue.extend(lease)
        except Exception as error:  # noqa: BLE001  # one lease must not end the others' extension
            logger.warning("%s: cannot extend the lease: %r", lease.event.request_id, error)
        else:
            if self._leases.get(key) is lease:
                self._extended_at[key] = self._loop.time()
