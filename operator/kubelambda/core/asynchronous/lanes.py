"""All events that a dispatcher has leased: one lane for each function, and the share of each.

Contract: decisions only; time and random numbers come in. Rules, named in the tests:

- L7 a lane may run half as many events as the other lanes leave of RUNNING_MAX, so that there is
  always room for one more function.
- L8 likewise a lane may keep half as many waiting events as the others leave of WAITING_MAX. Events
  beyond that go back to the queue, the youngest first, unless the lane works off its backlog within
  PATIENCE_S.
- L9 an event that goes back is due when the lane is expected to need it, judged by how fast the
  lane works; never later than RETURN_S_MAX while its function makes progress.
- L10 a lane that has had no event for FORGET_S is forgotten, and what it has learnt with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kubelambda.core.asynchronous.lane import PATIENCE_S, WIDTH_MIN, Ending, Lane

RUNNING_MAX = 500
WAITING_MAX = 1_000
BYTES_MAX = 128 * 1_048_576
RETURN_S_MIN = 1.0
RETURN_S_MAX = 60.0
FORGET_S = 10.0


@dataclass(frozen=True, slots=True)
class Returned:
    """An event that goes back to the queue; no ``delay_s`` if its function makes no progress."""

    key: str
    delay_s: float | None


class Lanes:
    """Events are known by ``key``, functions by ``function``; both are unique here."""

    def __init__(self, *, running_max: int = RUNNING_MAX, waiting_max: int = WAITING_MAX) -> None:
        self._running_max = running_max
        self._waiting_max = waiting_max
        self._lanes: dict[str, Lane] = {}
        self._function_of: dict[str, str] = {}
        self._size_of: dict[str, int] = {}
        self._bytes = 0
        self._running = 0
        self._waiting = 0

    @property
    def running(self) -> int:
        """How many events run, of all functions."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many events wait for a slot, of all functions."""
        return self._waiting

    @property
    def lease_limit(self) -> int:
        """How many more events may be leased now."""
        return 0 if self._bytes >= BYTES_MAX else max(0, self._waiting_max - self._waiting)

    def __len__(self) -> int:
        return len(self._lanes)

    def add(self, function: str, key: str, accepted_at: float, size: int, now: float) -> None:
        """Add a leased event, which waits for its turn."""
        lane = self._lanes.get(function)
        if lane is None:
            lane = self._lanes[function] = Lane(now)
        lane.add(key, accepted_at, size, now)
        self._function_of[key] = function
        self._size_of[key] = size
        self._bytes += size
        self._waiting += 1

    def begin(self, key: str, now: float) -> None:
        """Note that an environment has begun the event."""
        self._lanes[self._function_of[key]].begin(key, now)

    def end(self, key: str, ending: Ending, now: float, chance: float) -> None:
        """Note how a run ended. A throttled event waits again, any other is forgotten."""
        self._lanes[self._function_of[key]].end(key, ending, now, chance)
        self._running -= 1
        if ending is Ending.THROTTLED:
            self._waiting += 1
        else:
            self._forget_event(key)

    def take_of(self, function: str, now: float) -> Iterator[str]:
        """The events of one function that may start now; each one yielded counts as running."""
        lane = self._lanes.get(function)
        while lane is not None and self._running < self._running_max:
            limit = self._limit(lane)
            lane.adjust(now, limit)
            key = lane.take(now, limit)
            if key is None:
                return
            self._waiting -= 1
            self._running += 1
            yield key

    def take(self, now: float) -> Iterator[str]:
        """The events that may start now; functions that run the fewest come first."""
        for function in sorted(self._lanes, key=lambda lane: self._lanes[lane].running):
            yield from self.take_of(function, now)

    def give_back(self, now: float) -> list[Returned]:
        """Remove the events that exceed a lane's share; they go back to the queue (L8, L9)."""
        returned: list[Returned] = []
        for lane in self._lanes.values():
            while self._is_over_its_share(lane) and _is_slow(lane, now):
                returned.append(self._return_youngest(lane, now))
        return returned

    def forget_idle(self, now: float) -> None:
        """Forget lanes that have had no event for a while (L10)."""
        for function, lane in list(self._lanes.items()):
            if now - lane.active_at > FORGET_S and lane.is_idle(now):
                del self._lanes[function]

    def _limit(self, lane: Lane) -> int:
        others = self._running - lane.running
        return max(WIDTH_MIN, (self._running_max - others) // 2)

    def _is_over_its_share(self, lane: Lane) -> bool:
        others = self._waiting - lane.waiting
        if lane.waiting > max(1, (self._waiting_max - others) // 2):
            return True
        return lane.waiting > 1 and lane.waiting_bytes > BYTES_MAX // 4

    def _return_youngest(self, lane: Lane, now: float) -> Returned:
        drain_s = lane.estimate_drain_s(now)
        key = lane.give_up_youngest()
        self._waiting -= 1
        self._forget_event(key)
        if drain_s is None or not lane.makes_progress(now):
            return Returned(key, None)
        # Half of the time, because the lane may widen meanwhile.
        delay_s = min(RETURN_S_MAX, max(RETURN_S_MIN, drain_s / 2))
        lane.note_put_off(now + delay_s)
        return Returned(key, delay_s)

    def _forget_event(self, key: str) -> None:
        del self._function_of[key]
        self._bytes -= self._size_of.pop(key)


def _is_slow(lane: Lane, now: float) -> bool:
    """Whether the backlog is not worked off within PATIENCE_S, as far as that can be told."""
    drain_s = lane.estimate_drain_s(now)
    return not lane.is_moving(now) or (drain_s is not None and drain_s > PATIENCE_S)
