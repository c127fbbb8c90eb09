"""A queue of keys without duplicates: the objects that are to be reconciled.

Contract, in rules that the tests name; lives on one event loop:

- W1 a key is worked on by one worker at a time; if it is added meanwhile, it is taken once more
  afterwards.
- W2 a key has at most one delayed addition, the earliest that anybody asked for: an object that
  changes often does not leave a timer behind each time.
- W3 a delayed addition takes place: neither work on the key nor another addition cancels it before
  it is due.
- W4 failed keys are added again with a growing delay, so that one broken object costs little and
  delays no other.
"""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from kubelambda.core.backoff import exponential_delay_s

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
        self._later: dict[KeyT, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._queued)

    @property
    def later(self) -> int:
        """How many keys have a delayed addition."""
        return len(self._later)

    def add(self, key: KeyT) -> None:
        """Have ``key`` taken as soon as a worker is free."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._ready.append(key)
            self._wake.set()

    def add_later(self, key: KeyT, delay_s: float) -> None:
        """Add ``key`` after ``delay_s``, or earlier if an earlier delayed addition is due."""
        loop = asyncio.get_running_loop()
        due = loop.time() + delay_s
        known = self._later.get(key)
        if known is not None:
            if known.when() <= due:
                return
            known.cancel()
        self._later[key] = loop.call_at(due, self._come_due, key)

    def retry(self, key: KeyT, at_least_s: float = 0.0) -> float:
        """``key`` failed: add it after a delay, which doubles each time and is returned."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay_s = max(at_least_s, exponential_delay_s(failures, RETRY_S_MIN, RETRY_S_MAX))
        self.add_later(key, delay_s)
        return delay_s

    def forget_failures(self, key: KeyT) -> None:
        """``key`` succeeded."""
        self._failures.pop(key, None)

    async def take(self) -> KeyT:
        """The next key; the taker calls ``done`` for it."""
        while not self._ready:
            self._wake.clear()
            await self._wake.wait()
        key = self._ready.popleft()
        self._queued.discard(key)
        self._working.add(key)
        return key

    def done(self, key: KeyT) -> None:
        """The worker is finished with ``key``."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _come_due(self, key: KeyT) -> None:
        del self._later[key]
        self.add(key)
