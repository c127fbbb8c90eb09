"""What the kubelet says of a container that it cannot start, and what to do about it.

Contract: pure. What is missing is named in the kubelet's words; the rest is advice of our own.
"""

import re

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.judge.problem import Problem

CONFIG_ERROR = "CreateContainerConfigError"
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
        "a Secret or ConfigMap key that environment.valuesFrom names is missing; create it, or "
        "mark the reference as optional",
    ),
    "CrashLoopBackOff": (
        Reason.CONTAINER_START_FAILED,
        "the agent ends again and again; kubectl logs of the pod says why",
    ),
    "RunContainerError": (
        Reason.CONTAINER_START_FAILED,
        "the container cannot start; check that the runtime's image is built for the "
        "node's machine",
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
        "the container cannot start; check that the image of code.imageURI is built for the "
        "node's machine",
    ),
}
_ALIASES = {
    "ImagePullBackOff": "ErrImagePull",
    "InvalidImageName": "ErrImagePull",
    "ErrImageNeverPull": "ErrImagePull",
    "CreateContainerError": "RunContainerError",
}


def explain_start_error(reason: str, message: str, *, of_image: bool) -> Problem | None:
    """The problem that the kubelet's ``reason`` stands for; None if it stands for none.

    ``of_image``: the function's code is an image of its own.
    """
    reason = _ALIASES.get(reason, reason)
    known = (_ADVICE_OF_IMAGES if of_image else _ADVICE).get(reason)
    if known is None:
        return None
    typed, advice = known
    missing = _name_missing(message) if reason == CONFIG_ERROR else ""
    return Problem(typed, missing or advice)


def _name_missing(message: str) -> str:
    """What environment.valuesFrom names and the kubelet does not find, in its own words."""
    where = "which environment.valuesFrom names; create it, or mark the reference as optional"
    if found := _ABSENT_OBJECT.match(message):
        return f"there is no {_KINDS[found['kind']]} {found['name']!r}, {where}"
    if found := _ABSENT_KEY.match(message):
        return f"the {found['kind']} {found['name']!r} has no key {found['key']!r}, {where}"
    return ""
