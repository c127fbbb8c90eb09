"""Which number a LambdaVersion gets, and why none (spec/lambda.md section 7.2)."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.revision_id import compute_revision_id
from kubelambda.judge.problem import Problem
from kubelambda.judge.publication import (
    Publication,
    PublishedVersion,
    describe_same,
    find_last,
    find_rightful,
    find_version_problem,
    judge_publication,
)
from unit.judge.published import READY, Publisher, make_function, make_request

_WAITING = [
    {"type": "Ready", "status": "False", "message": "a gateway is being asked"},
    {"type": "Stalled", "status": "False"},
]
_STALLED = [
    {"type": "Ready", "status": "False"},
    {"type": "Stalled", "status": "True", "message": "no runtime"},
]


@pytest.mark.parametrize(
    ("case", "request_fields", "function", "reason", "words", "transient"),
    [
        ("there is no function", {}, None, Reason.FUNCTION_NOT_FOUND, "'hello'", False),
        (
            "the function is called otherwise",
            {},
            make_function(functionName="Other"),
            Reason.FUNCTION_NOT_FOUND,
            "functionName 'hello'",
            False,
        ),
        (
            "the function has not been judged",
            {},
            make_function({"observedGeneration": 0}),
            Reason.FUNCTION_NOT_READY,
            "is Pending",
            True,
        ),
        (
            "the function waits for something",
            {},
            make_function({"conditions": _WAITING}),
            Reason.FUNCTION_NOT_READY,
            "a gateway is being asked",
            True,
        ),
        (
            "the function cannot work",
            {},
            make_function({"conditions": _STALLED}),
            Reason.FUNCTION_NOT_READY,
            "no runtime",
            False,
        ),
        (
            "the code is another",
            {"code_sha256": "abc="},
            make_function({"codeSha256": "xyz="}),
            Reason.REVISION_MISMATCH,
            "CodeSHA256 (abc=) is different from current CodeSHA256 in $LATEST (xyz=). "
            "Please try again with the CodeSHA256 in $LATEST.",
            False,
        ),
        (
            "the revision is another",
            {"revision_id": "6f0a"},
            make_function(),
            Reason.REVISION_MISMATCH,
            "does not match the latest Revision Id",
            False,
        ),
        (
            "code of S3 without a version",
            {},
            make_function(code={"s3Bucket": "code", "s3Key": "app.zip"}),
            Reason.NOT_PINNED,
            "code.s3ObjectVersion",
            False,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_why_nothing_is_published(
    case: str,
    request_fields: dict[str, Any],
    function: dict[str, Any] | None,
    reason: Reason,
    words: str,
    transient: bool,
) -> None:
    found = judge_publication(make_request(**request_fields), function, [], {})
    assert isinstance(found, Problem), case
    assert (found.reason, found.transient) == (reason, transient)
    assert words in found.message


def test_a_function_that_is_being_deleted_is_not_there() -> None:
    function = make_function()
    function["metadata"]["deletionTimestamp"] = "2027-01-01T00:00:00Z"
    found = judge_publication(make_request(), function, [], {})
    assert isinstance(found, Problem)
    assert found.reason is Reason.FUNCTION_NOT_FOUND


def test_guards_that_hold_let_it_be_published() -> None:
    request = make_request(code_sha256="abc=", revision_id=compute_revision_id("uid-f", 1))
    found = judge_publication(request, make_function({"codeSha256": "abc="}), [], {})
    assert isinstance(found, Publication)
    assert (found.number, found.last_version) == (1, 1)


def test_the_description_is_the_functions_unless_the_version_has_one() -> None:
    function = make_function(description="of the function")
    own = judge_publication(make_request(description="its own"), function, [], {})
    taken = judge_publication(make_request(), function, [], {})
    assert isinstance(own, Publication)
    assert isinstance(taken, Publication)
    assert (own.description, taken.description) == ("its own", "of the function")


def test_a_number_of_a_deleted_version_is_never_used_again() -> None:
    publisher = Publisher(make_function())
    assert publisher.publish().number == 1
    publisher.edit(timeout=4)
    assert publisher.publish().number == 2
    publisher.versions.clear()
    publisher.edit(timeout=5)
    assert publisher.publish().number == 3


def test_numbers_of_versions_that_were_restored_from_a_backup_count_without_any_status() -> None:
    restored = PublishedVersion("hello.7", "u", "2027", 7, "other")
    found = judge_publication(make_request(), make_function(), [restored], {})
    assert isinstance(found, Publication)
    assert found.number == 8


def test_equal_to_the_last_one_is_the_last_one_and_equal_to_an_older_one_is_new() -> None:
    publisher = Publisher(make_function(timeout=3))
    first = publisher.publish()
    again = publisher.publish()
    assert again.number == first.number
    publisher.edit(timeout=4)
    assert publisher.publish().number == 2
    publisher.edit(timeout=3)
    assert publisher.publish().number == 3
    assert find_rightful(1, publisher.versions) == first
    last = find_last(publisher.versions)
    assert last is not None
    assert last.number == 3
    assert "'hello.1'" in describe_same(again, first)
    assert describe_same(first, first) == ""
    assert find_version_problem(again, first) is None


def test_what_is_not_part_of_a_version_makes_no_other_one() -> None:
    """Reservation, tags and description belong to the function; a default is no change."""
    publisher = Publisher(make_function())
    publisher.publish()
    publisher.edit(reservedConcurrentExecutions=4, tags={"a": "b"}, description="d", publish=True)
    publisher.edit(memorySize=128, timeout=3)
    assert publisher.publish().number == 1
    assert publisher.snapshots["hello.1"].keys() == {"runtime", "handler", "code"}


def test_a_number_that_was_counted_and_not_written_is_used_unless_another_was_since() -> None:
    function = make_function({"lastVersion": 3})
    known = [PublishedVersion("hello.2", "u", "2027", 2, "other")]
    found = judge_publication(make_request(), function, known, {}, counted=3)
    assert isinstance(found, Publication)
    assert (found.number, found.is_new, found.last_version) == (3, True, None)
    function["status"]["lastVersion"] = 4
    found = judge_publication(make_request(), function, known, {}, counted=3)
    assert isinstance(found, Publication)
    assert (found.number, found.last_version) == (5, 5)


def test_two_objects_with_one_number_and_different_content_are_a_problem_of_the_younger() -> None:
    older = PublishedVersion("hello.a", "u1", "2026", 1, "x")
    younger = PublishedVersion("hello.b", "u2", "2027", 1, "y")
    rightful = find_rightful(1, [younger, older])
    assert rightful == older
    assert find_version_problem(older, rightful) is None
    problem = find_version_problem(younger, rightful)
    assert problem is not None
    assert problem.reason is Reason.DUPLICATE_VERSION
    assert "'hello.a'" in problem.message


_EDITS = st.tuples(st.just("edit"), st.integers(1, 3))
_PUBLICATIONS = st.tuples(st.just("publish"), st.integers(0, 3))
_DELETIONS = st.tuples(st.just("delete"), st.integers(0, 5))


@given(st.lists(st.one_of(_EDITS, _PUBLICATIONS, _DELETIONS), max_size=30))
def test_numbers_grow_and_snapshots_stay_whatever_happens(steps: list[tuple[str, int]]) -> None:
    """Also if a controller stops between the function's status and the version's spec."""
    publisher = Publisher(make_function(timeout=1))
    content_of: dict[int, int] = {}
    highest = 0
    kept: dict[str, Any] = {}
    for step, value in steps:
        if step == "edit":
            publisher.edit(timeout=value)
        elif step == "delete":
            del publisher.versions[value : value + 1]
        else:
            timeout = publisher.function["spec"]["timeout"]
            before = find_last(publisher.versions)
            made = publisher.publish(stop_after=value)
            if before is not None and content_of[before.number] == timeout:
                assert made.number == before.number, "equal to the last: nothing new"
            else:
                assert made.number > highest, "never used again"
            highest = max(highest, made.number)
            content_of[made.number] = timeout
            kept[made.name] = copy.deepcopy(publisher.snapshots[made.name])
        assert all(publisher.snapshots[name] == snapshot for name, snapshot in kept.items())
        for version in publisher.versions:
            assert publisher.snapshots[version.name]["timeout"] == content_of[version.number]


def test_ready_in_the_tests_is_what_the_controller_writes() -> None:
    """Of another generation it is not Ready."""
    function = make_function({"conditions": READY, "observedGeneration": 1})
    function["metadata"]["generation"] = 2
    found = judge_publication(make_request(), function, [], {})
    assert isinstance(found, Problem)
    assert found.reason is Reason.FUNCTION_NOT_READY
