"""What users are told of a runtime, on each side of its days."""

from datetime import date, timedelta

import pytest

from kubelambda.core.model.runtime_support import (
    describe_blocks,
    describe_end,
    describe_missing_runtime,
    find_end_of_support,
)
from kubelambda.core.model.runtime_table import RUNTIMES

DAY = timedelta(days=1)
SUPPORT = RUNTIMES["nodejs20.x"].support


def test_what_an_administrator_states_goes_before_awss_day() -> None:
    assert find_end_of_support("nodejs20.x", "2030-01-02") == date(2030, 1, 2)
    assert find_end_of_support("nodejs20.x", "") == SUPPORT.end
    assert find_end_of_support("own1", "2030-01-02") == date(2030, 1, 2)


@pytest.mark.parametrize("stated", ["", "2030-02-30", "soon"])
def test_what_is_no_day_is_as_if_it_were_not_there(stated: str) -> None:
    assert find_end_of_support("nodejs20.x", stated) == SUPPORT.end
    assert find_end_of_support("own1", stated) is None


def test_an_end_is_said_from_its_day_on_with_what_is_newer() -> None:
    assert describe_end("nodejs20.x", SUPPORT.end, SUPPORT.end - DAY) == ""
    said = "support of runtime nodejs20.x ended on 2026-04-30; change to nodejs24.x"
    assert describe_end("nodejs20.x", SUPPORT.end, SUPPORT.end) == said


@pytest.mark.parametrize("identifier", ["nodejs24.x", "own1"])
def test_of_the_newest_and_of_an_unknown_one_nothing_newer_is_said(identifier: str) -> None:
    ended = describe_end(identifier, SUPPORT.end, SUPPORT.end)
    assert ended == f"support of runtime {identifier} ended on 2026-04-30"


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (SUPPORT.end, "AWS will create no functions with it from 2027-02-01 and update none from"),
        (SUPPORT.creation_blocked, "AWS creates no functions with it from 2027-02-01 and update"),
        (SUPPORT.update_blocked, "AWS creates no functions with it from 2027-02-01 and updates"),
    ],
)
def test_awss_blocks_are_said_and_that_there_are_none_here(day: date, said: str) -> None:
    blocks = describe_blocks("nodejs20.x", day)
    assert blocks.startswith(said)
    assert blocks.endswith("here they are created, updated and run")
    assert describe_blocks("own1", day) == ""


@pytest.mark.parametrize(
    ("identifier", "advice"),
    [
        ("java25", "set runtimes.java25.enabled=true in the chart's values"),
        (
            "python3.12",
            "build its image (docs/runtimes.md) and set runtimes.python3_12.enabled=true and "
            "runtimes.python3_12.image",
        ),
        ("cobol85", "create a LambdaRuntime with an image that runs it"),
    ],
)
def test_a_runtime_that_is_not_installed_comes_with_what_is_and_what_to_do(
    identifier: str, advice: str
) -> None:
    message = describe_missing_runtime(identifier, ["ruby3.3", "java21"])
    assert "(known here: java21, ruby3.3)" in message
    assert message.endswith(f"have an administrator {advice}")
    assert "known here: none" in describe_missing_runtime(identifier, [])
