"""Whether the demand of a function has changed so much that the controller is to be told.

Contract: pure; rules D1 and D3 are those of ``core.wire.demand``.
"""

from kubelambda.core.wire.demand import EnvironmentReport, FunctionDemand

SINCE_TOLERANCE_S = 1.0
"""Idle ages are compared with timeouts of many seconds: a smaller difference is not reported."""


def has_changed(former: FunctionDemand, present: FunctionDemand, passed_s: float) -> bool:
    """Whether to report ``present`` to a controller that got ``former`` ``passed_s`` ago (D3)."""
    if (former.uid, former.waiting) != (present.uid, present.waiting):
        return True
    if len(former.environments) != len(present.environments):
        return True
    if present.waiting and _has_duration_changed(former.duration_ms, present.duration_ms):
        return True
    return any(
        _differs(before, after, passed_s)
        for before, after in zip(former.environments, present.environments, strict=True)
    )


def _has_duration_changed(former_ms: float | None, present_ms: float | None) -> bool:
    """A change below a factor of two waits for the next other change, to be reported with it."""
    if former_ms is None or present_ms is None:
        return former_ms is not present_ms
    return max(former_ms, present_ms) > 2 * min(former_ms, present_ms)


def _differs(former: EnvironmentReport, present: EnvironmentReport, passed_s: float) -> bool:
    if (former.pod, former.state) != (present.pod, present.state):
        return True
    if (former.revision, former.config_digest) != (present.revision, present.config_digest):
        return True
    is_older = abs(former.idle_s + passed_s - present.idle_s) > SINCE_TOLERANCE_S
    return present.state == "idle" and is_older
