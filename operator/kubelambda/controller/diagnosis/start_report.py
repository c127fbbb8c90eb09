"""What the scaler tells of its starts of environments, for the conditions of a function.

Contract: a value. ``scaling.start_backoff`` makes it; ``pod_problem`` puts it into words.
"""

from dataclasses import dataclass

from kubelambda.core.capacity.start_failures import FAILURES_STALLED


@dataclass(frozen=True, slots=True)
class StartReport:
    """What has failed of late when environments of one function were started."""

    revision: str = ""
    """The revision whose environments have failed."""
    refusal: str = ""
    """The API server's words; empty if it refuses nothing."""
    failures: int = 0
    """Failures in a row."""
    cause: str = ""
    """Why the latest environment ended."""
    held_s: float = 0.0
    """How long nothing is started; 0 if the next request starts an environment."""

    def of(self, revision: str) -> "StartReport":
        """The part that concerns ``revision``: failures of another one say nothing about it."""
        return self if self.revision in ("", revision) else StartReport(refusal=self.refusal)

    @property
    def is_broken(self) -> bool:
        """Whether callers get an error at once instead of waiting for another try."""
        return self.failures >= FAILURES_STALLED and self.held_s > 0


NO_START_PROBLEM = StartReport()
