"""How long a function's next start waits after starts that failed.

Contract: no clock; ``now`` is given, in seconds.
"""

from dataclasses import dataclass, field

from kubelambda.core.backoff import exponential_delay_s
from kubelambda.core.model.function import FunctionRef

RETRY_S_MIN = 0.2
RETRY_S_MAX = 5.0


@dataclass(slots=True)
class _Pause:
    failures: int = 0
    until: float = 0.0


@dataclass(slots=True)
class StartPauses:
    """Failed starts by function: each one in a row doubles the time until the next try."""

    retry_s_min: float = RETRY_S_MIN
    retry_s_max: float = RETRY_S_MAX
    _pauses: dict[FunctionRef, _Pause] = field(default_factory=dict)

    def may_start(self, ref: FunctionRef, now: float) -> bool:
        """Whether the function's pause, if it has one, is over."""
        return ref not in self._pauses or now >= self._pauses[ref].until

    def note_failure(self, ref: FunctionRef, now: float) -> float:
        """Begin a pause; returns its length in seconds."""
        pause = self._pauses.setdefault(ref, _Pause())
        delay_s = exponential_delay_s(pause.failures, self.retry_s_min, self.retry_s_max)
        pause.failures += 1
        pause.until = now + delay_s
        return delay_s

    def note_success(self, ref: FunctionRef) -> None:
        """Forget earlier failures."""
        self._pauses.pop(ref, None)
