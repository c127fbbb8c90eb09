"""Limits what all clients of a listener have not yet taken of their answers (F14, F15).

Contract: when all answers that wait exceed ``bytes_max``, the slowest readers are cut until the
rest fits; of equally slow ones, the one that began first. A client that has only just begun counts
as a reader of at least ``NEW_BYTES_PER_S``, so that one that reads reasonably well is cut neither
for clients that came before it nor for clients that come after it. No answer is refused because of
what other clients hold. Does no I/O itself, only through ``Reader``.
"""

from dataclasses import dataclass, field
from typing import Protocol

NEW_S = 1.0
"""Grace period before a slow pace counts: the first bytes are still on their way."""
NEW_BYTES_PER_S = 262_144.0


class Reader(Protocol):
    """A client that has an answer to take."""

    waits_since: float
    """When it began to be waited for, on the loop's clock."""

    def measure_pace(self, now: float) -> float:
        """Bytes a second that it has taken since then."""
        ...

    def cut(self) -> None:
        """Close its connection at once and forget its answer."""
        ...


@dataclass(slots=True, eq=False)
class WaitingAnswers:
    """Of all clients of a listener."""

    bytes_max: int
    bytes_held: int = 0
    _held: dict[Reader, int] = field(default_factory=dict)

    def hold(self, reader: Reader, count: int, now: float) -> None:
        """``reader`` has ``count`` bytes left to take; whoever has to make room for them is cut."""
        self.bytes_held += count - self._held.pop(reader, 0)
        if count:
            self._held[reader] = count
        if self.bytes_held > self.bytes_max:
            self._make_room(now)

    def _make_room(self, now: float) -> None:
        def rank(reader: Reader) -> tuple[float, float]:
            pace = reader.measure_pace(now)
            is_new = now - reader.waits_since < NEW_S
            return max(pace, NEW_BYTES_PER_S) if is_new else pace, reader.waits_since

        for reader in sorted(self._held, key=rank):
            if self.bytes_held <= self.bytes_max:
                return
            self.bytes_held -= self._held.pop(reader)
            reader.cut()
