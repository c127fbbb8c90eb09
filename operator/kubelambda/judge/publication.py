"""Publishes versions: which number and snapshot a LambdaVersion gets, or why none.

Contract: pure. Numbers count up and are never used again: the caller writes ``last_version`` into
the function's status, at the resource version that was judged, before it writes the number into the
LambdaVersion; so whoever stops in between skips a number and never repeats one. Source:
spec/lambda.md sections 7.2 and 7.4.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.function import LATEST
from kubelambda.core.model.revision_id import compute_revision_id
from kubelambda.core.model.status import READY, STALLED, FunctionStatus, read_function_status
from kubelambda.judge.problem import Problem
from kubelambda.judge.snapshot import ConfigMapCopy, ConfigMaps, build_snapshot, digest_snapshot


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """A LambdaVersion that has its number; ``digest`` is that of ``digest_snapshot``."""

    name: str
    """Of the object."""
    uid: str
    created: str
    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """What the spec of a LambdaVersion without a number asks for; an absent text is empty."""

    name: str
    """Of the object."""
    uid: str
    function_name: str
    description: str = ""
    code_sha256: str = ""
    revision_id: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What to write: first ``last_version``, then ``copies``, at last number and snapshot."""

    number: int
    snapshot: Mapping[str, Any]
    description: str = ""
    copies: tuple[ConfigMapCopy, ...] = ()
    is_new: bool = False
    """Whether no other object has the number."""
    last_version: int | None = None
    """For the function's status; None if there is nothing to be counted."""


def judge_publication(
    request: VersionRequest,
    function: Mapping[str, Any] | None,
    versions: Iterable[PublishedVersion],
    config_maps: ConfigMaps,
    counted: int = 0,
) -> Publication | Problem:
    """What becomes of ``request``; ``function`` is its LambdaFunction, whole.

    ``versions`` are all published versions of the function, ``config_maps`` those that
    ``list_config_maps`` of its spec names. Same code and configuration as the last version give
    that one's number. ``counted`` was counted for this request before, and then not written: it is
    used now, unless another number has been counted since.
    """
    problem = _find_function_problem(request, function)
    if problem is not None or function is None:
        return problem or describe_missing_function(request.name, request.function_name)
    status = read_function_status(function.get("status"))
    problem = _find_guard_problem(request, function, status) or find_not_ready(function, status)
    if problem is not None:
        return problem
    owner = f"{request.name}-{request.uid[:8]}"
    snapshot = build_snapshot(function["spec"], status, config_maps, owner)
    if isinstance(snapshot, Problem):
        return snapshot
    known = list(versions)
    last = find_last(known)
    description = request.description or function["spec"].get("description") or ""
    found = Publication(0, snapshot.configuration, description, snapshot.copies)
    if last is not None and last.digest == digest_snapshot(snapshot.configuration):
        return replace(found, number=last.number)
    number = next_number(status, known)
    is_counted = counted == status.last_version == number - 1 and counted > 0
    if is_counted and (last is None or last.number < counted):
        return replace(found, number=counted, is_new=True)
    return replace(found, number=number, is_new=True, last_version=number)


def next_number(status: FunctionStatus, versions: Iterable[PublishedVersion]) -> int:
    """The number that the next version gets, if it is not the same as the last one."""
    return 1 + max([status.last_version, *(version.number for version in versions)])


def find_last(versions: Iterable[PublishedVersion]) -> PublishedVersion | None:
    """The one that was published last, of those that there are: the oldest object of its number."""
    ordered = sorted(versions, key=_rank)
    return max(ordered, key=lambda version: version.number, default=None)


def find_rightful(number: int, versions: Iterable[PublishedVersion]) -> PublishedVersion | None:
    """The object that serves version ``number``: the oldest one."""
    return min((one for one in versions if one.number == number), key=_rank, default=None)


def _rank(version: PublishedVersion) -> tuple[str, str]:
    return (version.created, version.name)


def find_version_problem(
    version: PublishedVersion, rightful: PublishedVersion | None
) -> Problem | None:
    """Why the object ``version`` is not the version that it says it is, if so."""
    if rightful is None or rightful.uid == version.uid or rightful.digest == version.digest:
        return None
    return Problem(
        Reason.DUPLICATE_VERSION,
        f"version {version.number} is the LambdaVersion {rightful.name!r}, which holds something "
        "else; delete this object and publish another version",
    )


def describe_same(version: PublishedVersion, rightful: PublishedVersion | None) -> str:
    """The sentence for an object that only repeats an older one; empty for any other."""
    if rightful is None or rightful.uid == version.uid:
        return ""
    return (
        f"Code and configuration are those of version {version.number}: the same as the "
        f"LambdaVersion {rightful.name!r}, which serves it."
    )


def describe_missing_function(name: str, function_name: str) -> Problem:
    """Of a version or an alias called ``name``: its function is not there."""
    wanted = name.partition(".")[0]
    return Problem(
        Reason.FUNCTION_NOT_FOUND,
        f"Function not found: there is no LambdaFunction {wanted!r} in this namespace with the "
        f"functionName {function_name!r}; create it, or name this object "
        "<name of the LambdaFunction>.<anything>",
    )


def find_not_ready(function: Mapping[str, Any], status: FunctionStatus) -> Problem | None:
    """Why a function cannot be published as it is now."""
    name = function["metadata"]["name"]
    generation = function["metadata"].get("generation", 0)
    if status.is_ready(generation):
        return None
    stalled = status.conditions.get(STALLED)
    is_judged = status.observed_generation == generation
    if is_judged and stalled is not None and stalled.is_true:
        return Problem(
            Reason.FUNCTION_NOT_READY,
            f"the LambdaFunction {name!r} cannot be published before it works: {stalled.message}",
        )
    ready = status.conditions.get(READY)
    why = f": {ready.message}" if is_judged and ready is not None and ready.message else ""
    return Problem(
        Reason.FUNCTION_NOT_READY,
        f"the LambdaFunction {name!r} is Pending and is published when it is Ready{why}",
        transient=True,
    )


def _find_function_problem(
    request: VersionRequest, function: Mapping[str, Any] | None
) -> Problem | None:
    if function is None or "deletionTimestamp" in function["metadata"]:
        return describe_missing_function(request.name, request.function_name)
    name = function["spec"].get("functionName") or function["metadata"]["name"]
    if name != request.function_name:
        return describe_missing_function(request.name, request.function_name)
    return None


def _find_guard_problem(
    request: VersionRequest, function: Mapping[str, Any], status: FunctionStatus
) -> Problem | None:
    metadata = function["metadata"]
    current = compute_revision_id(metadata["uid"], metadata.get("generation", 0))
    if request.revision_id and request.revision_id != current:
        return Problem(
            Reason.REVISION_MISMATCH,
            f"The Revision Id provided ({request.revision_id}) does not match the latest Revision "
            f"Id ({current}). Look at status.revisionId of the LambdaFunction "
            f"{metadata['name']!r}, and publish another version.",
        )
    is_judged = status.observed_generation == metadata.get("generation", 0)
    if request.code_sha256 and is_judged and request.code_sha256 != status.code_sha256:
        return Problem(
            Reason.REVISION_MISMATCH,
            f"CodeSHA256 ({request.code_sha256}) is different from current CodeSHA256 in {LATEST} "
            f"({status.code_sha256}). Please try again with the CodeSHA256 in {LATEST}.",
        )
    return None
