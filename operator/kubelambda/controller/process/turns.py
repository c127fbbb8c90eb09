"""Work that may wait, done by one after the other at a pace.

Contract: pure but for its own fields; time comes in as an argument. Whoever asks keeps the turn
that it was given until the turn has come or is given up, however often it asks meanwhile.
"""

from collections.abc import Hashable

from kubelambda.core.capacity.token_bucket import TokenBucket


class Turns:
    """Turns of one kind of work for any number of keys."""

    def __init__(self, bucket: TokenBucket) -> None:
        self._bucket = bucket
        self._due: dict[Hashable, float] = {}

    def wait_s(self, key: Hashable, now: float) -> float:
        """Seconds until it is this key's turn; 0 means now, and the turn is used up."""
        due = self._due.get(key)
        if due is None:
            due = self._due[key] = now + self._bucket.reserve(now)
        if due <= now:
            del self._due[key]
            return 0.0
        return due - now

    def give_up(self, key: Hashable) -> None:
        """The key has nothing to do any more."""
        self._due.pop(key, None)
