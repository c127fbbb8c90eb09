"""A keyed, de-duplicating queue: what has to be looked at again.

Contract: a key is worked on by one worker at a time; a key added while it is worked on comes again
afterwards, once; failures come again with growing delay, so one broken object costs little and
hides nobody. Lives on one event loop.
"""

import asyncio
import heapq
import itertools
from collections import deque
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")

RETRY_S_MIN = 0.2
RETRY_S_MAX = 60.0


class WorkQueue(Generic[KeyT]):
    """Keys to work on; ``take`` waits for one, ``done`` gives it back."""

    def __init__(self) -> None:
        self._ready: deque[KeyT] = deque()
        self._queued: set[KeyT] = set()
        self._working: set[KeyT] = set()
        self._again: set[KeyT] = set()
        self._failures: dict[KeyT, int] = {}
        self._later: list[tuple[float, int, KeyT]] = []
        self._counter = itertools.count()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queued)

    def add(self, key: KeyT) -> None:
        """Look at ``key`` as soon as a worker is free."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.append(key)
            self._wake.set()

    def add_later(self, key: KeyT, delay_s: float) -> None:
        """Look at ``key`` after ``delay_s``, besides any earlier look."""
        due = asyncio.get_running_loop().time() + delay_s
        heapq.heappush(self._later, (due, next(self._counter), key))
        self._wake.set()

    def retry(self, key: KeyT, at_least_s: float = 0.0) -> float:
        """``key`` failed: look again after a delay that doubles with each failure; the delay."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay_s = max(at_least_s, min(RETRY_S_MAX, RETRY_S_MIN * 2.0 ** min(failures, 16)))
        self.add_later(key, delay_s)
        return delay_s

    def forget_failures(self, key: KeyT) -> None:
        """``key`` succeeded."""
        self._failures.pop(key, None)

    async def take(self) -> KeyT:
        """The next key; the taker calls ``done`` for it."""
        while True:
            delay_s = self._move_due()
            if self._ready:
                key = self._ready.popleft()
                self._queued.discard(key)
                self._working.add(key)
                return key
            self._wake.clear()
            try:
                async with asyncio.timeout(delay_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def done(self, key: KeyT) -> None:
        """The worker is finished with ``key``."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _move_due(self) -> float | None:
        now = asyncio.get_running_loop().time()
        while self._later and self._later[0][0] <= now:
            self.add(heapq.heappop(self._later)[2])
        return self._later[0][0] - now if self._later else None
