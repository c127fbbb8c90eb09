"""Why pods of a function do not start, in words that say what to do.

Contract: pure. Pod problems younger than GRACE_S are ignored, since most of them pass by
themselves. A function with a running environment can serve, so it is Ready; what else goes wrong is
a note in its Ready condition.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kubelambda.api.v1alpha1.reason import CAPACITY_REASONS, Reason
from kubelambda.controller.diagnosis.api_refusal import classify_refusal
from kubelambda.controller.diagnosis.pod_advice import explain_start_error
from kubelambda.controller.diagnosis.scheduler import explain_unscheduled
from kubelambda.controller.diagnosis.start_report import NO_START_PROBLEM, StartReport
from kubelambda.controller.diagnosis.text import count_noun
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.judge.problem import NO_NOTE, Problem, ReadyNote

GRACE_S = 5.0
OOM_KILLED = "OOMKilled"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with the pods, and when to look again if it is too early to say."""

    problem: Problem | None = None
    revisit_s: float | None = None
    note: ReadyNote = NO_NOTE
    """What goes wrong although the function can serve."""


def diagnose_pods(
    pods: Sequence[PodRecord],
    failures: Sequence[str],
    now_s: float,
    *,
    of_image: bool = False,
    start: StartReport = NO_START_PROBLEM,
) -> Diagnosis:
    """What keeps the function from starting, or from starting more environments.

    ``failures``: what the API server says to its ReplicaSets, each empty if it says nothing.
    """
    pods = [pod for pod in pods if not pod.ended and not pod.terminating]
    found = _find_problem(pods, failures, now_s, start, of_image=of_image)
    if found.problem is None or not any(map(_serves, pods)):
        return found
    lacks_room = found.problem.reason in CAPACITY_REASONS
    reason = found.problem.reason if lacks_room else Reason.READY
    return Diagnosis(revisit_s=found.revisit_s, note=ReadyNote(found.problem.message, reason))


def _serves(pod: PodRecord) -> bool:
    return not pod.pending and not pod.start_error[0] and not pod.restarts


def _find_problem(
    pods: Sequence[PodRecord],
    failures: Sequence[str],
    now_s: float,
    start: StartReport,
    *,
    of_image: bool,
) -> Diagnosis:
    for refusal in (start.refusal, *failures):
        if refusal:
            return Diagnosis(classify_refusal(refusal), GRACE_S if start.refusal else None)
    failed = _diagnose_failures(start, of_image=of_image) if start.failures else Diagnosis()
    if failed.problem is not None:
        return failed
    pending = _diagnose_pending(pods, now_s, of_image=of_image)
    return pending if pending.problem is not None else replace(pending, note=failed.note)


def _diagnose_failures(start: StartReport, *, of_image: bool) -> Diagnosis:
    """Environments that ended, or got stuck at their node, before they had served anyone."""
    reason, _, message = start.cause.partition(" ")
    known = explain_start_error(reason, message, of_image=of_image)
    problem = known or Problem(
        Reason.CONTAINER_START_FAILED,
        f"{count_noun(start.failures, 'environment')} in a row ended before being ready "
        f"({start.cause or 'the cause is not known'}); {_advise_ended(start.cause)}",
    )
    if start.is_broken or (known is not None and start.held_s > 0):
        return Diagnosis(problem, start.held_s + 0.1)
    return Diagnosis(note=ReadyNote(f"{problem.message}; the next request starts another"))


def _advise_ended(cause: str) -> str:
    if OOM_KILLED in cause:
        return "raise memorySize"
    return "kubectl logs of its pod says more; mend the function, or invoke it again later"


def _diagnose_pending(pods: Sequence[PodRecord], now_s: float, *, of_image: bool) -> Diagnosis:
    revisit_s: float | None = None
    unscheduled = []
    for pod in pods:
        known = explain_start_error(*pod.start_error, of_image=of_image)
        if not pod.is_unschedulable and known is None:
            continue
        age_s = now_s - _to_epoch(pod.created)
        if age_s < GRACE_S:
            ripe_s = max(1.0, GRACE_S - age_s + 0.1)
            revisit_s = ripe_s if revisit_s is None else min(revisit_s, ripe_s)
        elif pod.is_unschedulable:
            unscheduled.append(pod)
        elif known is not None:
            return Diagnosis(known)
    if unscheduled:
        return Diagnosis(_describe_unscheduled(unscheduled, len(pods)), revisit_s)
    return Diagnosis(revisit_s=revisit_s)


def _describe_unscheduled(unscheduled: Sequence[PodRecord], pods: int) -> Problem:
    how_many = f"{len(unscheduled)} of {count_noun(pods, 'environment')}"
    words = explain_unscheduled(unscheduled[0].start_error[1])
    return Problem(Reason.UNSCHEDULABLE, f"{how_many} cannot be scheduled: {words}")


def _to_epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0
