"""Leader election by a Lease: who may take it, and until when (F4).

Contract: pure; time comes in. A holder counts as alive while its Lease keeps changing. That is
judged by our own clock, from the moment at which we saw the last change, so the clocks of two
machines are never compared. A Lease that was deleted while it was held counts as unchanged. A
leader that could not renew for 3/4 of the duration stops before anyone may take over; the rest of
the duration is for a write that is still on its way.
"""

from dataclasses import dataclass
from enum import Enum, auto


class Step(Enum):
    """What to do with the Lease now."""

    CREATE = auto()
    TAKE = auto()
    RENEW = auto()
    WAIT = auto()


@dataclass(frozen=True, slots=True)
class LeaseView:
    """What a Lease says; ``version`` is its resourceVersion."""

    holder: str
    version: str
    transitions: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """A version of the Lease with its holder, and when we first saw it by our own clock."""

    version: str
    holder: str
    at: float


def note_sighting(former: Sighting | None, lease: LeaseView | None, now: float) -> Sighting | None:
    """The sighting to remember: the former one while the Lease is unchanged or does not exist."""
    if lease is None or (former is not None and former.version == lease.version):
        return former
    return Sighting(lease.version, lease.holder, now)


def decide_step(
    lease: LeaseView | None,
    sighting: Sighting | None,
    *,
    identity: str,
    duration_s: float,
    now: float,
) -> Step:
    """What to do now; ``sighting`` is of ``lease``, or of the last one if there is none now."""
    if lease is None:
        was_held = sighting is not None and sighting.holder not in ("", identity)
        waits = was_held and compute_wait_s(sighting, duration_s=duration_s, now=now) > 0
        return Step.WAIT if waits else Step.CREATE
    if lease.holder == identity:
        return Step.RENEW
    if not lease.holder:
        return Step.TAKE
    return Step.WAIT if compute_wait_s(sighting, duration_s=duration_s, now=now) > 0 else Step.TAKE


def compute_wait_s(sighting: Sighting | None, *, duration_s: float, now: float) -> float:
    """How long until the Lease runs out unless it changes; 0 if it has run out."""
    if sighting is None:
        return duration_s
    return max(0.0, sighting.at + duration_s - now)


def renew_deadline_s(duration_s: float) -> float:
    """How long a leader may go without a renewal before it must stop."""
    return duration_s * 3 / 4


@dataclass(slots=True)
class Term:
    """How long this process may write after its last successful renewal.

    Two clocks are used: one that keeps running while the machine sleeps or the process is stopped,
    and the wall clock, for a virtual machine that its host has paused and resumed.
    """

    deadline_s: float
    _boot: float = float("-inf")
    _wall: float = float("-inf")

    def renew(self, boot: float, wall: float) -> None:
        """The Lease was renewed by a request that began at these times."""
        self._boot, self._wall = boot, wall

    def is_valid(self, boot: float, wall: float) -> bool:
        """True while nobody else can have taken the Lease."""
        return boot - self._boot < self.deadline_s and wall - self._wall < self.deadline_s

    def remaining_s(self, boot: float) -> float:
        """How long it is valid from ``boot`` on, by the clock that keeps running."""
        return max(0.0, self._boot + self.deadline_s - boot)
