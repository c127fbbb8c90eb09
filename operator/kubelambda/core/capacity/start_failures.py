"""Environments that end before they have served anyone: how long to wait before the next one.

Contract: pure; moments come in. The count belongs to one revision of a function: another revision
starts from nothing, one environment that became ready clears it. Environments that were started
together and fail together count once.
"""

from dataclasses import dataclass, replace

from kubelambda.core.backoff import double_delay_s

BACKOFF_S_MIN = 1.0
BACKOFF_S_MAX = 300.0
FAILURES_STALLED = 3
"""After so many failures the function counts as broken: callers are told at once."""


@dataclass(frozen=True, slots=True)
class StartFailures:
    """What is known of the failed starts of one revision since one of them succeeded."""

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
        return double_delay_s(self.count - 1, BACKOFF_S_MIN, BACKOFF_S_MAX)

    def remaining_s(self, now: float) -> float:
        """How long nothing is started from now on."""
        return max(0.0, self.failed_at + self.delay_s - now) if self.count else 0.0

    def start_max(self, now: float) -> int | None:
        """How many environments may be on their way together: none, one as a trial, or any."""
        if self.count == 0:
            return None
        return 0 if self.remaining_s(now) > 0 else 1


def record_failure(
    former: StartFailures, revision: str, *, begun_at: float, now: float, cause: str
) -> StartFailures:
    """One environment of ``revision``, known since ``begun_at``, has ended without serving."""
    if former.revision != revision:
        return StartFailures(revision, 1, now, cause)
    if former.count and begun_at <= former.failed_at:
        return replace(former, cause=cause)
    return StartFailures(revision, former.count + 1, now, cause)
