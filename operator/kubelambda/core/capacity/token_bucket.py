"""Token buckets, which keep a rate, and the fair division of what is available.

Contract: no clock; time comes in as an argument. ``reserve`` never refuses: it says how long the
caller has to wait, and the caller makes sure that waits end in order.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(slots=True)
class TokenBucket:
    """``rate_per_s`` tokens a second on average, at most ``burst`` at once."""

    rate_per_s: float
    burst: float
    _tokens: float = 0.0
    _filled_at: float | None = None
    """None: nobody has asked yet, so it is full."""

    def reserve(self, now: float) -> float:
        """Take one token; the seconds to wait until it is there (0 when it is)."""
        self._fill(now)
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self.rate_per_s)

    def take(self, wanted: int, now: float) -> int:
        """Take up to ``wanted`` whole tokens; returns how many there were."""
        self._fill(now)
        taken = max(0, min(wanted, int(self._tokens)))
        self._tokens -= taken
        return taken

    def _fill(self, now: float) -> None:
        if self._filled_at is None:
            self._tokens = self.burst
        else:
            grown = self._tokens + max(0.0, now - self._filled_at) * self.rate_per_s
            self._tokens = min(self.burst, grown)
        self._filled_at = now


def share_fairly(wants: Mapping[KeyT, int], available: int) -> dict[KeyT, int]:
    """Divide ``available`` equally; what somebody does not want goes to the others.

    The smallest want is served first, so a large one cannot keep it waiting.
    """
    shares: dict[KeyT, int] = {}
    left = max(0, available)
    for position, key in enumerate(sorted(wants, key=lambda key: wants[key])):
        equal = -(-left // (len(wants) - position))
        shares[key] = min(wants[key], equal, left)
        left -= shares[key]
    return shares
