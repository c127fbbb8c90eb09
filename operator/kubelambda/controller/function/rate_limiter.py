"""A rate limit for work that may wait, in which every key keeps its place.

Contract: no I/O and no clock: the time comes in as an argument. A key that asks again keeps the
moment that it was given, however often it asks. One that has not come back FORGET_S after its
moment loses it: most likely its object is gone.
"""

from collections.abc import Hashable

from kubelambda.core.capacity.token_bucket import TokenBucket

FORGET_S = 300.0


class KeyedRateLimiter:
    """Limits one kind of work over any number of keys."""

    def __init__(self, bucket: TokenBucket) -> None:
        self._bucket = bucket
        self._due: dict[Hashable, float] = {}

    def wait_s(self, key: Hashable, now: float) -> float:
        """Seconds until this key may work; 0 means now, and uses up its place."""
        self._forget(now)
        due = self._due.get(key)
        if due is None:
            due = self._due[key] = now + self._bucket.reserve(now)
        if due <= now:
            del self._due[key]
            return 0.0
        return due - now

    def _forget(self, now: float) -> None:
        """Moments are given in ascending order, so the earliest stand first."""
        while self._due:
            key, due = next(iter(self._due.items()))
            if due > now - FORGET_S:
                return
            del self._due[key]
