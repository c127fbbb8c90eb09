"""Why an object is not Ready, or what its Ready condition says when it is.

Contract: values only. A message is read by the owner of the object: it names what is wrong, quotes
the words of whoever found it, and says what to do next.
"""

from dataclasses import dataclass

from kubelambda.api.v1alpha1.reason import Reason


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an object is not Ready; None is used if nothing is wrong."""

    reason: Reason
    message: str
    transient: bool = False
    """The controller waits or tries again, and nobody has to change anything: the condition is
    Reconciling, not Stalled."""


@dataclass(frozen=True, slots=True)
class ReadyNote:
    """What the Ready condition of a Ready object says; an empty message stands for the usual one.

    The reason is another than Ready if there is no room for further environments.
    """

    message: str = ""
    reason: Reason = Reason.READY


NO_NOTE = ReadyNote()
