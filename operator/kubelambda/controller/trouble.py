"""Why pods of a function do not start, in words that say what to do.

Contract: pure. Young trouble is left alone for GRACE_S, and messages hold nothing that changes from
try to try, so that status is not written back and forth.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.records import PodRecord
from kubelambda.controller.verdict import NO_OBJECTION, Verdict

GRACE_S = 5.0
CONFIG_ERROR = "CreateContainerConfigError"
_ABSENT_OBJECT = re.compile(r'^(?P<kind>secret|configmap)s? "(?P<name>[^"]+)" not found$')
_ABSENT_KEY = re.compile(
    r"^couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) [^/\s]+/(?P<name>\S+)$"
)
_KINDS = {"secret": "Secret", "configmap": "ConfigMap"}

_ADVICE = {
    "ErrImagePull": (
        Reason.IMAGE_PULL_FAILED,
        "the runtime's image cannot be pulled; check the image of the LambdaRuntime",
    ),
    CONFIG_ERROR: (
        Reason.CONTAINER_CONFIG_ERROR,
        "a Secret or ConfigMap key that environment.valuesFrom names is missing",
    ),
    "Unschedulable": (
        Reason.UNSCHEDULABLE,
        "no node has room for memorySize and the CPU request; add a node or lower memorySize",
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


@dataclass(frozen=True, slots=True)
class Trouble:
    """The verdict, and when to look again where it is too early to say."""

    verdict: Verdict = NO_OBJECTION
    revisit_s: float | None = None


def judge_pods(
    pods: Sequence[PodRecord], failures: Sequence[str], now_s: float, *, of_image: bool = False
) -> Trouble:
    """What keeps the function from starting; nothing where some pod of it runs."""
    advice = _ADVICE_OF_IMAGES if of_image else _ADVICE
    for failure in failures:
        if failure:
            return Trouble(judge_refusal(failure))
    pods = [pod for pod in pods if not pod.ended]
    if any(not pod.pending and not pod.trouble[0] and not pod.terminating for pod in pods):
        return Trouble()
    revisit_s = None
    for pod in pods:
        reason = _ALIASES.get(pod.trouble[0], pod.trouble[0])
        if pod.terminating or reason not in advice:
            continue
        age_s = now_s - _to_epoch(pod.created)
        if age_s < GRACE_S:
            revisit_s = GRACE_S - age_s + 0.1
            continue
        return Trouble(_advise(*advice[reason], reason, pod.trouble[1]))
    return Trouble(revisit_s=revisit_s)


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
    """Why the API server refused an object of ours, from its message."""
    if "exceeded quota" in message:
        return Verdict(
            Reason.QUOTA_EXCEEDED,
            "a ResourceQuota of the namespace leaves no room; raise it or lower memorySize",
        )
    if "LimitRange" in message or "usage per Container" in message or "usage per Pod" in message:
        return Verdict(
            Reason.LIMIT_RANGE,
            "a LimitRange of the namespace refuses the pod; raise it or change memorySize",
        )
    return Verdict(Reason.REFUSED, f"the API server refuses: {_cut(message)}")


def _cut(message: str, length: int = 300) -> str:
    return message if len(message) <= length else message[:length] + "…"


def _to_epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0
