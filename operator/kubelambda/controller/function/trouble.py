"""Why pods of a function do not start, in words that say what to do.

Contract: pure. Pod problems younger than GRACE_S are ignored: most of them pass by themselves. What
the scheduler, the kubelet and the API server say is quoted without what changes from try to try, so
that status is not written back and forth. A function with a running environment can serve: what
else goes wrong is a note beside its being Ready.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from kubelambda.api.v1alpha1.reason import CAPACITY_REASONS, Reason
from kubelambda.controller.cache.pod_records import PodRecord
from kubelambda.controller.function.verdict import NO_OBJECTION, Verdict
from kubelambda.controller.scaling.start_backoff import NO_TROUBLE, StartReport

GRACE_S = 5.0
CONFIG_ERROR = "CreateContainerConfigError"
OOM_KILLED = "OOMKilled"
_ABSENT_OBJECT = re.compile(r'^(?P<kind>secret|configmap)s? "(?P<name>[^"]+)" not found$')
_ABSENT_KEY = re.compile(
    r"^couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) [^/\s]+/(?P<name>\S+)$"
)
_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}

_ADVICE = {
    "ErrImagePull": (
        Reason.IMAGE_PULL_FAILED,
        "a node cannot pull the runtime's image (status.runtimeImage); check the image of the "
        "LambdaRuntime, and that nodes reach its registry",
    ),
    CONFIG_ERROR: (
        Reason.CONTAINER_CONFIG_ERROR,
        "a Secret or ConfigMap key that environment.valuesFrom names is missing",
    ),
    "CrashLoopBackOff": (
        Reason.CONTAINER_START_FAILED,
        "the agent ends again and again; see the pod's log",
    ),
    "RunContainerError": (
        Reason.CONTAINER_START_FAILED,
        "the container cannot start; is the runtime's image right for this machine?",
    ),
}
_ADVICE_OF_IMAGES = {
    **_ADVICE,
    "ErrImagePull": (
        Reason.IMAGE_PULL_FAILED,
        "a node cannot pull code.imageURI, or the agent's image; check that nodes reach the "
        "registry and that the namespace has the Secrets of functions.imagePullSecrets",
    ),
    "RunContainerError": (
        Reason.CONTAINER_START_FAILED,
        "the container cannot start; is the image of code.imageURI right for this machine?",
    ),
}
_ALIASES = {
    "ImagePullBackOff": "ErrImagePull",
    "InvalidImageName": "ErrImagePull",
    "ErrImageNeverPull": "ErrImagePull",
    "CreateContainerError": "RunContainerError",
}

_SCHEDULER = (
    ("Insufficient memory", "add a node, or lower memorySize"),
    ("Insufficient cpu", "add a node, or lower memorySize, which the CPU request follows"),
    ("Insufficient ephemeral-storage", "add a node, or lower ephemeralStorage.size"),
    ("Too many pods", "a node has as many pods as it takes; add one, or raise its maxPods"),
    ("were unschedulable", "a node is cordoned; kubectl uncordon it, or add one"),
    ("node.kubernetes.io/unschedulable", "a node is cordoned; kubectl uncordon it, or add one"),
    ("node.kubernetes.io/not-ready", "a node is not ready; see kubectl get nodes"),
    ("node.kubernetes.io/unreachable", "a node does not answer; see kubectl get nodes"),
    ("-pressure", "a node has run short of memory, disk or process ids; see kubectl get nodes"),
    ("untolerated taint", "a node has a taint that function pods do not tolerate"),
    ("node affinity/selector", "no node has the labels that the namespace's pods must have"),
    ("no nodes available", "the cluster has no node that takes pods"),
)
"""Pieces of the scheduler's message, and what to do about each."""
_LIMIT_RANGE = re.compile(
    r"LimitRange|(minimum|maximum) \S+ usage per (Container|Pod)|limit to request ratio per"
)
_PREFIX = re.compile(r'^(create pods: )?(pods "[^"]*" is forbidden: )?')


@dataclass(frozen=True, slots=True)
class Trouble:
    """The verdict, and when to look again where it is too early to say."""

    verdict: Verdict = NO_OBJECTION
    revisit_s: float | None = None
    note: Verdict = NO_OBJECTION
    """What goes wrong although the function can serve; its own reason only for want of room."""


def judge_pods(
    pods: Sequence[PodRecord],
    failures: Sequence[str],
    now_s: float,
    *,
    of_image: bool = False,
    start: StartReport = NO_TROUBLE,
) -> Trouble:
    """What keeps the function from starting, or from starting more environments.

    ``failures``: what the API server says to its ReplicaSets, each empty where it says nothing.
    """
    pods = [pod for pod in pods if not pod.ended and not pod.terminating]
    found = _find_objection(pods, failures, now_s, start, of_image=of_image)
    is_served = any(not pod.pending and not pod.trouble[0] and not pod.restarts for pod in pods)
    if found.verdict.reason is None or not is_served:
        return found
    lacks_room = found.verdict.reason in CAPACITY_REASONS
    note = found.verdict if lacks_room else Verdict(Reason.READY, found.verdict.message)
    return Trouble(revisit_s=found.revisit_s, note=note)


def _find_objection(
    pods: Sequence[PodRecord],
    failures: Sequence[str],
    now_s: float,
    start: StartReport,
    *,
    of_image: bool,
) -> Trouble:
    for refusal in (start.refusal, *failures):
        if refusal:
            return Trouble(judge_refusal(refusal), revisit_s=GRACE_S if start.refusal else None)
    failed = _judge_failures(start, of_image=of_image) if start.failures else Trouble()
    if failed.verdict.reason is not None:
        return failed
    pending = _judge_pending(pods, now_s, of_image=of_image)
    return pending if pending.verdict.reason is not None else replace(pending, note=failed.note)


def _judge_failures(start: StartReport, *, of_image: bool) -> Trouble:
    """Environments that ended, or got stuck at their node, before they had served anyone."""
    reason, _, message = start.cause.partition(" ")
    known = _lookup(reason, of_image=of_image)
    if known is not None:
        verdict = _advise(*known, reason, message)
    else:
        verdict = Verdict(
            Reason.CONTAINER_START_FAILED,
            f"{_count(start.failures, 'environment')} in a row ended before being ready "
            f"({start.cause or 'the cause is not known'}); {_advise_ended(start.cause)}",
        )
    if start.is_broken or (known is not None and start.held_s > 0):
        return Trouble(verdict, revisit_s=start.held_s + 0.1)
    words = f"{verdict.message}; the next request starts another"
    return Trouble(note=Verdict(Reason.READY, words))


def _advise_ended(cause: str) -> str:
    if OOM_KILLED in cause:
        return "raise memorySize"
    return "kubectl logs of its pod says more; mend the function, or invoke it again later"


def _judge_pending(pods: Sequence[PodRecord], now_s: float, *, of_image: bool) -> Trouble:
    revisit_s: float | None = None
    unscheduled = []
    for pod in pods:
        known = _lookup(pod.trouble[0], of_image=of_image)
        if not pod.is_unschedulable and known is None:
            continue
        age_s = now_s - _to_epoch(pod.created)
        if age_s < GRACE_S:
            ripe_s = max(1.0, GRACE_S - age_s + 0.1)
            revisit_s = ripe_s if revisit_s is None else min(revisit_s, ripe_s)
        elif pod.is_unschedulable:
            unscheduled.append(pod)
        elif known is not None:
            return Trouble(_advise(*known, _alias(pod.trouble[0]), pod.trouble[1]))
    if unscheduled:
        return Trouble(_judge_unscheduled(unscheduled, len(pods)), revisit_s)
    return Trouble(revisit_s=revisit_s)


def _judge_unscheduled(unscheduled: Sequence[PodRecord], pods: int) -> Verdict:
    words = cut_scheduler(unscheduled[0].trouble[1])
    advice = [advice for piece, advice in _SCHEDULER if piece in words]
    said = f"{len(unscheduled)} of {_count(pods, 'environment')} cannot be scheduled: "
    return Verdict(
        Reason.UNSCHEDULABLE,
        said + "; ".join([words or "no node takes it", *dict.fromkeys(advice)]),
    )


def cut_scheduler(message: str) -> str:
    """The scheduler's words without what it says of preemption, which changes from try to try."""
    return _cut(re.split(r"\.( |$)", message, maxsplit=1)[0])


def _alias(reason: str) -> str:
    return _ALIASES.get(reason, reason)


def _lookup(reason: str, *, of_image: bool) -> tuple[Reason, str] | None:
    return (_ADVICE_OF_IMAGES if of_image else _ADVICE).get(_alias(reason))


def _advise(typed: Reason, advice: str, reason: str, message: str) -> Verdict:
    missing = _name_missing(message) if reason == CONFIG_ERROR else ""
    return Verdict(typed, missing or advice)


def _name_missing(message: str) -> str:
    """What environment.valuesFrom names and the kubelet does not find, in its own words."""
    where = "which environment.valuesFrom names; create it, or mark the reference as optional"
    if found := _ABSENT_OBJECT.match(message):
        return f"there is no {_KINDS[found['kind']]} {found['name']!r}, {where}"
    if found := _ABSENT_KEY.match(message):
        return f"the {found['kind']} {found['name']!r} has no key {found['key']!r}, {where}"
    return ""


def judge_refusal(message: str) -> Verdict:
    """Why the API server refused an object of ours, in its own words."""
    words = _cut(_PREFIX.sub("", message))
    if "exceeded quota" in message or "failed quota" in message:
        return Verdict(
            Reason.QUOTA_EXCEEDED,
            f"a ResourceQuota of the namespace takes no more pods: {words}; raise it",
        )
    if _LIMIT_RANGE.search(message):
        return Verdict(
            Reason.LIMIT_RANGE,
            f"a LimitRange of the namespace refuses the pod: {words}; change it or memorySize",
        )
    return Verdict(Reason.REFUSED, f"the API server refuses: {words}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _cut(message: str, length: int = 300) -> str:
    return message if len(message) <= length else message[:length] + "…"


def _to_epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0
