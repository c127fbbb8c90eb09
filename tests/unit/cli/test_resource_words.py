"""Kinds on the command line are named as kubectl takes them."""

import pytest

from kubelambda.cli.failure import CommandError
from kubelambda.cli.resource_words import find_kind, read_words


@pytest.mark.parametrize(
    "word",
    [
        "lfn",
        "LFN",
        "lambdafunction",
        "LambdaFunction",
        "lambdafunctions",
        "lambdafunctions.kubelambda.io",
    ],
)
def test_a_function_has_many_words(word: str) -> None:
    assert find_kind(word).name == "LambdaFunction"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["lfn,lyr"], [("LambdaFunction", ()), ("LambdaLayer", ())]),
        (["lfn,lambdafunctions"], [("LambdaFunction", ())]),
        (["lfn", "a", "b"], [("LambdaFunction", ("a", "b"))]),
        (["lfn/a", "cm/b"], [("LambdaFunction", ("a",)), ("ConfigMap", ("b",))]),
    ],
)
def test_several_kinds_and_names(words: list[str], meant: list[tuple[str, tuple[str]]]) -> None:
    assert [(one.kind.name, one.names) for one in read_words(words)] == meant


def test_all_is_what_the_category_holds() -> None:
    names = {one.kind.name for one in read_words(["all"])}
    assert {"LambdaFunction", "LambdaLayer"} <= names
    assert "LambdaRuntime" not in names


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lambdafunctoins"], "did you mean lambdafunctions"),
        (["pods"], "lambdafunctions (lfn)"),
        (["lfn,lyr", "a"], "several kinds"),
        (["lfn/a", "b"], "not KIND/NAME"),
        (["lfn/"], "not KIND/NAME"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(words: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        read_words(words)
    assert message in str(caught.value)
