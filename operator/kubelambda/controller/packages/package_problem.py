"""Why an object is not Ready while packages that it names are missing.

Contract: pure. Packages of an object that is Ready are not asked for again, even by a controller
that has just started: they were there, and packages are never deleted.
"""

from collections.abc import Iterable, Mapping
from enum import Enum

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.layer_record import LayerRecord
from kubelambda.core.packages.needed_packages import describe_missing_package, find_package
from kubelambda.judge.problem import Problem


class Presence(Enum):
    """Whether a package was uploaded."""

    THERE = "there"
    MISSING = "missing"
    NO_STORE = "no store"
    UNKNOWN = "unknown"
    """No gateway has said yet."""


def list_trusted(record: FunctionRecord, layers: Iterable[LayerRecord]) -> set[str]:
    """Packages that were there when the function, or one of its layers, became Ready; names."""
    trusted = {
        find_package(layer.layer) for layer in layers if layer.status.is_ready(layer.generation)
    }
    if record.status.is_ready(record.generation):
        trusted.add(record.package)
    return trusted - {""}


def find_package_problem(
    needed: Mapping[str, str], presences: Mapping[str, Presence]
) -> Problem | None:
    """Why an object that needs ``needed`` (each package, and the field naming it) cannot work.

    A package that is not in ``presences`` is there. A problem that somebody has to solve comes
    before one that only has to be waited for.
    """
    problems = [
        _describe(presences[name], name, field)
        for name, field in needed.items()
        if name in presences
    ]
    found = [problem for problem in problems if problem is not None]
    return min(found, key=lambda problem: problem.transient, default=None)


def _describe(presence: Presence, name: str, field: str) -> Problem | None:
    match presence:
        case Presence.THERE:
            return None
        case Presence.MISSING:
            return Problem(Reason.PACKAGE_NOT_FOUND, describe_missing_package(name, field))
        case Presence.NO_STORE:
            return Problem(
                Reason.PACKAGE_STORE_MISSING,
                f"{field} names a package, and this installation has no store for packages; an "
                "administrator configures one with queue.url",
            )
        case Presence.UNKNOWN:
            return Problem(
                Reason.PROGRESSING,
                f"a gateway is being asked whether the package {name} of {field} was uploaded",
                transient=True,
            )
