"""The events of one function that a dispatcher has leased, and how many of them may run at once.

Contract: decisions only; time and random numbers come in. A lane's *width* is how many of its
events may run at the same time. Rules, named in the tests:

- L1 a lane begins with a width of WIDTH_MIN.
- L2 it widens only after success and only as far as the backlog needs. All of these have to hold:
  the lane is full; none of its events waits for an environment; an event has completed since it
  last widened, or all of them have been running for BUSY_S; the backlog is more than DRAIN_S of
  work at this width. Then the width doubles, at most once in WIDEN_S. For PROBE_FOR_S after a
  throttle it grows by one in PROBE_S instead.
- L3 a throttle narrows the lane to the events that run beside the throttled one, which waits again;
  the next free slot takes the oldest event. If no other event runs, the lane tries again after a
  pause that grows up to PAUSE_S_MAX and ends with the first success.
- L4 an error of the platform halves the width and pauses the lane likewise.
- L5 a width that has not been used for NARROW_S shrinks towards the number of running events.
- L6 events start in the order in which they were accepted.
"""

import bisect
from collections import deque
from dataclasses import dataclass
from enum import Enum

from kubelambda.core.backoff import add_jitter, exponential_delay_s

WIDTH_MIN = 2
WIDEN_S = 1.0
BUSY_S = 1.0
DRAIN_S = 0.5
UNBEGUN_S = 0.25
"""An event that has not begun for so long waits for an environment."""
PROBE_S = 2.0
PROBE_FOR_S = 60.0
PAUSE_S_MIN = 0.1
PAUSE_S_MAX = 5.0
NARROW_S = 10.0
PATIENCE_S = 2.0
"""A lane counts as moving while an event is running, and for so long after the last one."""
PROGRESS_S = 30.0
"""A lane makes progress while an event is running, and for so long after one has completed."""
_NEW_SHARE = 0.2
_LONG_AGO = float("-inf")


class Ending(Enum):
    """How a run ended, as far as its lane is concerned."""

    COMPLETED = "completed"
    """The function has run, whatever it returned."""
    THROTTLED = "throttled"
    FAILED = "failed"
    """An error of the platform."""
    NOT_RUN = "not run"
    """The event never reached its function, which says nothing about the lane."""


@dataclass(slots=True)
class _Run:
    started_at: float
    accepted_at: float
    size: int
    begun_at: float | None = None


class Lane:
    """Events are known here by a key, their time of acceptance and their size in bytes."""

    def __init__(self, now: float) -> None:
        self.width = WIDTH_MIN
        self.waiting_bytes = 0
        self.active_at = now
        """When it last had an event, waiting or running."""
        self._waiting: list[tuple[float, str, int]] = []
        self._running: dict[str, _Run] = {}
        self._unbegun: dict[str, _Run] = {}
        """Running events that no environment has begun yet."""
        self._begun_at_sum = 0.0
        self._begun_last_at = _LONG_AGO
        self._put_off: deque[float] = deque()
        """When the events that were given back to the queue are due, in ascending order."""
        self._duration_s: float | None = None
        self._opened_at = now
        self._widened_at = now
        self._full_at = now
        self._throttled_at = _LONG_AGO
        self._completed_at = _LONG_AGO
        self._paused_until = _LONG_AGO
        self._refusals = 0

    @property
    def waiting(self) -> int:
        """Events that wait for a slot."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Events under way."""
        return len(self._running)

    @property
    def _begun(self) -> int:
        """Running events that an environment has begun."""
        return len(self._running) - len(self._unbegun)

    def is_idle(self, now: float) -> bool:
        """Whether it has no events, not even ones that were given back and will return."""
        self._forget_due(now)
        return not (self._waiting or self._running or self._put_off)

    def makes_progress(self, now: float) -> bool:
        """Whether an event is running, or one has completed within PROGRESS_S."""
        return self._has_begun() or now - self._completed_at <= PROGRESS_S

    def is_moving(self, now: float) -> bool:
        """Whether the backlog is getting shorter, or can be expected to soon."""
        return self._has_begun() or now - max(self._completed_at, self._opened_at) <= PATIENCE_S

    def add(self, key: str, accepted_at: float, size: int, now: float) -> None:
        """Add an event, which waits from now on."""
        self.active_at = now
        if not (self._waiting or self._running):
            self._opened_at = now
        self._keep(key, accepted_at, size)

    def _keep(self, key: str, accepted_at: float, size: int) -> None:
        bisect.insort(self._waiting, (accepted_at, key, size))
        self.waiting_bytes += size

    def take(self, now: float, limit: int) -> str | None:
        """Start the oldest waiting event if there is a slot (L6); returns its key, or None."""
        if not self._waiting or now < self._paused_until:
            return None
        if self.running >= min(self.width, limit):
            return None
        accepted_at, key, size = self._waiting.pop(0)
        self.waiting_bytes -= size
        self._running[key] = self._unbegun[key] = _Run(now, accepted_at, size)
        return key

    def give_up_youngest(self) -> str:
        """Remove the youngest waiting event; returns its key."""
        _, key, size = self._waiting.pop()
        self.waiting_bytes -= size
        return key

    def begin(self, key: str, now: float) -> None:
        """Note that an environment has begun the event."""
        run = self._unbegun.pop(key, None)
        if run is not None:
            run.begun_at = self._begun_last_at = now
            self._begun_at_sum += now

    def end(self, key: str, ending: Ending, now: float, chance: float) -> None:
        """Note how a run ended; a throttled event waits again."""
        self.active_at = now
        run = self._running.pop(key)
        self._unbegun.pop(key, None)
        if run.begun_at is not None:
            self._begun_at_sum = self._begun_at_sum - run.begun_at if self._has_begun() else 0.0
        if ending is Ending.COMPLETED:
            self._note_completed(run, now)
        elif ending is Ending.THROTTLED:
            self._keep(key, run.accepted_at, run.size)
            self._throttled_at = now
            self._narrow(self.running, now)
            if not self._running:
                self._pause(now, chance)
        elif ending is Ending.FAILED:
            self._narrow(self.width // 2, now)
            self._pause(now, chance)

    def adjust(self, now: float, limit: int) -> None:
        """Widen or narrow the lane (L2, L5)."""
        if self.running < self.width or not self._waiting:
            if now - self._full_at > NARROW_S:
                self._full_at = now
                self.width = max(WIDTH_MIN, self.running, (self.width + self.running) // 2)
            return
        self._full_at = now
        if self.width < limit and self._may_widen(now) and self._needs_more(now):
            wider = self.width + 1 if self._is_probing(now) else self.width * 2
            self.width = min(limit, wider)
            self._widened_at = now

    def estimate_drain_s(self, now: float) -> float | None:
        """How long the known backlog takes at this width; None while no duration is known."""
        duration_s = self._estimate_duration_s(now)
        if duration_s is None:
            return None
        self._forget_due(now)
        return (self.waiting + len(self._put_off)) * duration_s / self.width

    def note_put_off(self, due_at: float) -> None:
        """Note that an event was given back and returns at ``due_at``."""
        bisect.insort(self._put_off, due_at)

    def _may_widen(self, now: float) -> bool:
        if now - self._widened_at < (PROBE_S if self._is_probing(now) else WIDEN_S):
            return False
        if any(now - run.started_at > UNBEGUN_S for run in self._unbegun.values()):
            return False
        if self._completed_at > self._widened_at:
            return True
        return not self._unbegun and now - self._begun_last_at >= BUSY_S

    def _needs_more(self, now: float) -> bool:
        drain_s = self.estimate_drain_s(now)
        return drain_s is not None and drain_s > DRAIN_S

    def _has_begun(self) -> bool:
        return self._begun > 0

    def _is_probing(self, now: float) -> bool:
        return now - self._throttled_at <= PROBE_FOR_S

    def _estimate_duration_s(self, now: float) -> float | None:
        """The mean duration of the last runs, or of the present ones if that is longer already."""
        elapsed_s = now - self._begun_at_sum / self._begun if self._has_begun() else None
        known = [seconds for seconds in (self._duration_s, elapsed_s) if seconds is not None]
        return max(known) if known else None

    def _note_completed(self, run: _Run, now: float) -> None:
        took_s = now - (run.started_at if run.begun_at is None else run.begun_at)
        former_s = took_s if self._duration_s is None else self._duration_s
        self._duration_s = former_s + _NEW_SHARE * (took_s - former_s)
        self._completed_at = now
        self._paused_until = _LONG_AGO
        self._refusals = 0

    def _narrow(self, width: int, now: float) -> None:
        self.width = max(1, min(width, self.width))
        self._widened_at = now

    def _pause(self, now: float, chance: float) -> None:
        pause_s = exponential_delay_s(self._refusals, PAUSE_S_MIN, PAUSE_S_MAX)
        self._paused_until = now + add_jitter(pause_s, chance)
        self._refusals += 1

    def _forget_due(self, now: float) -> None:
        while self._put_off and self._put_off[0] <= now:
            self._put_off.popleft()
