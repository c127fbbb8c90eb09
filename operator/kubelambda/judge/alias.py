"""Whether an alias means something, and what its Ready condition says.

Contract: pure. Source: spec/lambda.md section 7.3.
"""

from collections.abc import Collection, Sequence

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.function import LATEST
from kubelambda.judge.problem import Problem
from kubelambda.judge.publication import describe_missing_function

_LISTED_MAX = 20


def find_alias_problem(
    alias: Alias, claimants: Sequence[Alias], numbers: Collection[int], *, has_function: bool
) -> Problem | None:
    """Why nobody can be served by ``alias``, if so.

    ``claimants`` are all objects of its function with its name, ``numbers`` those of the published
    versions. ``has_function``: the LambdaFunction whose name stands before the dot is there and has
    the alias's functionName.
    """
    if not has_function:
        return describe_missing_function(alias.ref.name, alias.function_name)
    rightful = find_rightful_alias(claimants)
    if rightful is not None and rightful.uid != alias.uid:
        return Problem(
            Reason.DUPLICATE_ALIAS,
            f"Alias already exists: {alias.name!r} of the function {alias.function_name!r} is the "
            f"LambdaAlias {rightful.ref.name!r}; choose another name, or delete that object",
        )
    known = {LATEST, *map(str, numbers)}
    missing = [version for version in list_meant_versions(alias) if version not in known]
    return _describe_missing_versions(alias, missing, numbers) if missing else None


def find_rightful_alias(claimants: Sequence[Alias]) -> Alias | None:
    """The object that callers get: the oldest one."""
    return min(claimants, key=lambda alias: (alias.created, alias.ref.name), default=None)


def list_meant_versions(alias: Alias) -> list[str]:
    """Every version that the alias names, its own first."""
    return [alias.version, *(version for version, _ in alias.weights)]


def describe_alias(alias: Alias) -> str:
    """What a Ready alias does."""
    if not alias.weights:
        return f"Invocations run {_name_version(alias.version)}."
    shares = [
        f"{weight * 100:.6g} % of them {_name_version(version)}"
        for version, weight in alias.weights
    ]
    return f"Invocations run {_name_version(alias.version)}, {', '.join(shares)}."


def _name_version(version: str) -> str:
    return version if version == LATEST else f"version {version}"


def _describe_missing_versions(
    alias: Alias, missing: Sequence[str], numbers: Collection[int]
) -> Problem:
    there = sorted(numbers)
    text = ", ".join(map(str, there[-_LISTED_MAX:])) or "none yet"
    more = "the latest of them " if len(there) > _LISTED_MAX else ""
    plural = "s" if len(missing) > 1 else ""
    return Problem(
        Reason.VERSION_NOT_FOUND,
        f"version{plural} {' and '.join(missing)} of the function {alias.function_name!r} "
        f"{'do' if plural else 'does'} not exist; published versions: {more}{text}. Name one of "
        "these in functionVersion, or publish a LambdaVersion",
    )
