"""What stands against an object while packages that it names are not there.

Contract: pure. Who is Ready is not asked for again, even by a controller that has just started: its
packages were there, and packages are never deleted.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.cache.layer_records import LayerRecord
from kubelambda.controller.cache.records import FunctionRecord
from kubelambda.controller.function.verdict import Verdict
from kubelambda.controller.images.image_resolver import Refusal
from kubelambda.core.packages.needed_packages import describe_missing_package, find_package


class Presence(Enum):
    """Whether a package is there."""

    THERE = "there"
    MISSING = "missing"
    NO_STORE = "no store"
    UNKNOWN = "unknown"
    """No gateway has told yet."""


def list_trusted(record: FunctionRecord, layers: Iterable[LayerRecord]) -> set[str]:
    """Packages that were there when the function, or one of its layers, became Ready."""
    trusted = {find_package(one.layer) for one in layers if is_ready(one.status, one.generation)}
    if is_ready(record.status, record.generation):
        trusted.add(record.package)
    return trusted - {""}


def is_ready(status: Mapping[str, Any], generation: int) -> bool:
    """Whether ``status`` says Ready of just this generation of the spec."""
    return status.get("observedGeneration") == generation and any(
        one.get("type") == "Ready" and one.get("status") == "True"
        for one in status.get("conditions") or ()
    )


def judge_packages(needed: Mapping[str, str], presences: Mapping[str, Presence]) -> Refusal | None:
    """What stands against an object that needs ``needed`` (name, and what names it).

    A package that ``presences`` does not hold is there. What somebody has to do something about
    comes before what is only not known yet.
    """
    refusals = [
        _refuse(presences[name], name, what) for name, what in needed.items() if name in presences
    ]
    found = [one for one in refusals if one is not None]
    return min(found, key=lambda one: one.passing, default=None)


def _refuse(presence: Presence, name: str, what: str) -> Refusal | None:
    match presence:
        case Presence.THERE:
            return None
        case Presence.MISSING:
            message = describe_missing_package(name, what)
            return Refusal(Verdict(Reason.PACKAGE_NOT_FOUND, message))
        case Presence.NO_STORE:
            message = f"{what} names a package, which needs a store (queue.url); none is configured"
            return Refusal(Verdict(Reason.PACKAGE_STORE_MISSING, message))
        case Presence.UNKNOWN:
            message = f"whether the package {name} of {what} was uploaded is being looked up"
            return Refusal(Verdict(Reason.PROGRESSING, message), passing=True)
