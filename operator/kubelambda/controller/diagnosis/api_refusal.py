"""Why the API server refuses an object of ours.

Contract: pure; quotes the API server's own words, without the random name of the pod.
"""

import re

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.diagnosis.text import cut_text
from kubelambda.judge.problem import Problem

_LIMIT_RANGE = re.compile(
    r"LimitRange|(minimum|maximum) \S+ usage per (Container|Pod)|limit to request ratio per"
)
_PREFIX = re.compile(r'^(create pods: )?(pods "[^"]*" is forbidden: )?')


def classify_refusal(message: str) -> Problem:
    """The problem of a function whose pod or other object is refused with ``message``."""
    words = cut_text(_PREFIX.sub("", message))
    if "exceeded quota" in message or "failed quota" in message:
        return Problem(
            Reason.QUOTA_EXCEEDED,
            f"a ResourceQuota of the namespace allows no more pods: {words}; raise it",
        )
    if _LIMIT_RANGE.search(message):
        return Problem(
            Reason.LIMIT_RANGE,
            f"a LimitRange of the namespace refuses the pod: {words}; change it or memorySize",
        )
    return Problem(Reason.REFUSED, f"the API server refuses an object of this function: {words}")
