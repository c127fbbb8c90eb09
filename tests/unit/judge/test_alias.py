"""What an alias means, and why it means nothing (spec/lambda.md section 7.3)."""

from dataclasses import replace
from typing import Any

import pytest

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.function import FunctionRef
from kubelambda.judge.alias import describe_alias, find_alias_problem, list_meant_versions

ALIAS = Alias(FunctionRef("shop", "hello.live"), "u1", "2027-01-01T00:00:00Z", "hello", "live", "2")


def find(alias: Alias = ALIAS, *others: Alias, **facts: Any) -> tuple[Reason, str] | None:
    facts = {"numbers": {1, 2}, "has_function": True} | facts
    problem = find_alias_problem(alias, [alias, *others], **facts)
    return (problem.reason, problem.message) if problem is not None else None


def test_an_alias_of_versions_that_exist_is_fine() -> None:
    assert find() is None
    assert find(replace(ALIAS, weights=(("1", 0.25),))) is None
    assert find(replace(ALIAS, version="$LATEST"), numbers=()) is None


@pytest.mark.parametrize(
    ("alias", "facts", "reason", "words"),
    [
        (ALIAS, {"has_function": False}, Reason.FUNCTION_NOT_FOUND, "'hello'"),
        (ALIAS, {"numbers": ()}, Reason.VERSION_NOT_FOUND, "version 2 of the function 'hello'"),
        (ALIAS, {"numbers": (5, 3)}, Reason.VERSION_NOT_FOUND, "published versions: 3, 5."),
        (ALIAS, {"numbers": range(3, 99)}, Reason.VERSION_NOT_FOUND, "latest of them 79, 80"),
        (
            replace(ALIAS, weights=(("3", 0.1),)),
            {"numbers": {2}},
            Reason.VERSION_NOT_FOUND,
            "version 3 of the function 'hello' does not exist",
        ),
    ],
)
def test_why_an_alias_means_nothing(
    alias: Alias, facts: dict[str, Any], reason: Reason, words: str
) -> None:
    found = find(alias, **facts)
    assert found is not None
    assert found[0] is reason
    assert words in found[1]


def test_of_two_objects_the_older_one_is_the_alias() -> None:
    younger = replace(ALIAS, ref=FunctionRef("shop", "hello.x"), uid="u2", created="2027-02")
    assert find(ALIAS, younger) is None
    found = find(younger, ALIAS)
    assert found is not None
    assert found[0] is Reason.DUPLICATE_ALIAS
    assert "'hello.live'" in found[1]


def test_what_a_ready_alias_says() -> None:
    assert describe_alias(ALIAS) == "Invocations run version 2."
    weighted = replace(ALIAS, weights=(("1", 0.1),))
    assert describe_alias(weighted) == "Invocations run version 2, 10 % of them version 1."
    assert list_meant_versions(weighted) == ["2", "1"]
    assert describe_alias(replace(ALIAS, version="$LATEST")) == "Invocations run $LATEST."
