"""The conditions Ready, Reconciling and Stalled, in the sense of kstatus.

Contract: pure; the moment comes in. A condition whose status stays the same keeps its transition
time, so comparing the status to be with the one that is there tells whether to write at all.
"""

from collections.abc import Mapping
from typing import Any

from kubelambda.api.v1alpha1.conditions import ConditionType
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.status import Condition
from kubelambda.judge.problem import Problem, ReadyNote


def build_conditions(
    former: Mapping[str, Condition], problem: Problem | None, *, ready: ReadyNote, now: str
) -> list[dict[str, Any]]:
    """The three conditions of an object that has ``problem``, or else is Ready with a note."""
    if problem is None:
        wanted = [
            (ConditionType.READY, True, ready.reason, ready.message),
            (ConditionType.RECONCILING, False, Reason.READY, ""),
            (ConditionType.STALLED, False, Reason.READY, ""),
        ]
    else:
        reason, message, goes_on = problem.reason, problem.message, problem.transient
        wanted = [
            (ConditionType.READY, False, reason, message),
            (ConditionType.RECONCILING, goes_on, reason, message if goes_on else ""),
            (ConditionType.STALLED, not goes_on, reason, "" if goes_on else message),
        ]
    return [
        build_condition(
            former.get(kind), kind, reason, message, status="True" if holds else "False", now=now
        )
        for kind, holds, reason, message in wanted
    ]


def build_condition(
    former: Condition | None,
    kind: ConditionType,
    reason: str,
    message: str,
    *,
    status: str,
    now: str,
) -> dict[str, Any]:
    """One condition; ``status`` is True, False or Unknown, and ``former`` what it was."""
    is_same = former is not None and former.status == status
    return {
        "type": str(kind),
        "status": status,
        "reason": str(reason),
        "message": message,
        "lastTransitionTime": (former.last_transition_time if is_same and former else "") or now,
    }
