"""Functions of local mode whose packages were never uploaded, or whose zips are none.

Contract: the same words as on a cluster; a directory that cannot be looked at says nothing against
a function.
"""

from collections.abc import Callable
from dataclasses import replace

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.code import get_package
from kubelambda.core.model.function import Function
from kubelambda.core.packages.check import describe_bad_zip
from kubelambda.core.packages.needed_packages import describe_missing_package, list_needed_packages
from kubelambda.core.packages.store import PackagesUnavailableError


def mark_missing_package(function: Function, holds: Callable[[str], bool]) -> Function:
    """The function itself, or Stalled where a package that it needs is not there."""
    needed = list_needed_packages(get_package(function.code), function.layers)
    for name, what in needed.items():
        if not _may_be_there(name, holds):
            return replace(
                function,
                ready=False,
                stalled_reason=str(Reason.PACKAGE_NOT_FOUND),
                stalled_message=describe_missing_package(name, what),
            )
    return function


def mark_bad_zip(function: Function) -> Function:
    """The function itself, or Stalled where a zip in its object or in a layer's is none."""
    contents = [one.content for one in function.layers if one.content is not None]
    problem = describe_bad_zip([function.code, *contents])
    if not problem:
        return function
    return replace(
        function,
        ready=False,
        stalled_reason=str(Reason.INVALID_SPEC),
        stalled_message=problem,
    )


def _may_be_there(name: str, holds: Callable[[str], bool]) -> bool:
    try:
        return holds(name)
    except PackagesUnavailableError:
        return True
