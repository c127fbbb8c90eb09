"""Environments that end before they could serve: how long to wait before the next one starts.

Contract: pure; times come in as arguments. Failures are counted for one revision of a function: a
new revision begins at zero, and so does one of which an environment became ready. Environments that
were started together and fail together count once.
"""

from dataclasses import dataclass, replace

from kubelambda.core.backoff import exponential_delay_s

BACKOFF_S_MIN = 1.0
BACKOFF_S_MAX = 300.0
FAILURES_STALLED = 3
"""After so many failures in a row the function is Stalled, and callers are told at once."""


@dataclass(frozen=True, slots=True)
class StartFailures:
    """Failed starts of one revision since the last one that succeeded."""

    revision: str
    count: int = 0
    failed_at: float = 0.0
    """When the latest counted failure was seen."""
    cause: str = ""
    """Why the latest environment ended, in Kubernetes' words."""

    @property
    def delay_s(self) -> float:
        """How long nothing is started after the latest failure."""
        if self.count == 0:
            return 0.0
        return exponential_delay_s(self.count - 1, BACKOFF_S_MIN, BACKOFF_S_MAX)

    def remaining_s(self, now: float) -> float:
        """How long from ``now`` on nothing is started."""
        return max(0.0, self.failed_at + self.delay_s - now) if self.count else 0.0

    def start_max(self, now: float) -> int | None:
        """How many environments may be starting: 0 during a delay, then 1 as a trial; None: any."""
        if self.count == 0:
            return None
        return 0 if self.remaining_s(now) > 0 else 1


def record_failure(
    former: StartFailures, revision: str, *, begun_at: float, now: float, cause: str
) -> StartFailures:
    """Count an environment of ``revision`` that was there since ``begun_at`` and never served."""
    if former.revision != revision:
        return StartFailures(revision, 1, now, cause)
    if former.count and begun_at <= former.failed_at:
        return replace(former, cause=cause)
    return StartFailures(revision, former.count + 1, now, cause)
