"""Functions that cannot run in local mode, and why.

Contract: returns the function itself, or a copy of it that is Stalled with a reason and a message.
For what can be wrong on a cluster too, the message has the same words. A package store that cannot
be read counts against no function.
"""

from collections.abc import Callable
from dataclasses import replace

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.code import get_package
from kubelambda.core.model.function import Function
from kubelambda.core.packages.needed_packages import describe_missing_package, list_needed_packages
from kubelambda.core.packages.store import PackagesUnavailableError
from kubelambda.core.packages.zip_check import describe_bad_zip
from kubelambda.local.bootstrap import Unavailable, plan_bootstrap
from kubelambda.local.machine import Machine


def mark_missing_package(function: Function, holds: Callable[[str], bool]) -> Function:
    """Stalled if a package of its code or of its layers has not been uploaded."""
    needed = list_needed_packages(get_package(function.code), function.layers)
    for name, what in needed.items():
        if not _may_be_there(name, holds):
            return _stall(
                function, str(Reason.PACKAGE_NOT_FOUND), describe_missing_package(name, what)
            )
    return function


def mark_bad_zip(function: Function) -> Function:
    """Stalled if a zip that stands in its object, or in a layer's, is not a valid one."""
    contents = [layer.content for layer in function.layers if layer.content is not None]
    problem = describe_bad_zip([function.code, *contents])
    return _stall(function, str(Reason.INVALID_SPEC), problem) if problem else function


def mark_missing_language(function: Function, machine: Machine) -> Function:
    """Stalled if this machine cannot run its language."""
    bootstrap = plan_bootstrap(function.runtime, function.handler, machine)
    if isinstance(bootstrap, Unavailable):
        return _stall(function, str(Reason.RUNTIME_UNAVAILABLE), bootstrap.reason)
    return function


def _stall(function: Function, reason: str, message: str) -> Function:
    return replace(function, ready=False, stalled_reason=reason, stalled_message=message)


def _may_be_there(name: str, holds: Callable[[str], bool]) -> bool:
    try:
        return holds(name)
    except PackagesUnavailableError:
        return True
