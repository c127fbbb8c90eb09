"""The table of runtime identifiers says one thing, and AWS's names; what repeats it agrees."""

from datetime import date, timedelta

import botocore.session
import pytest
from pydantic import TypeAdapter

from kubelambda.core.model.runtime_identifier import RuntimeIdentifier, Support, SupportPhase
from kubelambda.core.model.runtime_table import (
    FAMILIES,
    RUNTIMES,
    describe,
    find_newest,
    list_family,
    list_tested,
)

ROWS = pytest.mark.parametrize("row", RUNTIMES.values(), ids=list(RUNTIMES))
WANTED = {
    *("python3.11", "python3.13", "python3.14", "nodejs20.x", "nodejs22.x", "nodejs24.x"),
    *("java17", "java21", "java25", "ruby3.3", "dotnet8", "provided.al2023", "provided.al2"),
}
DAY = timedelta(days=1)
DOTNET8 = RUNTIMES["dotnet8"].support


@ROWS
def test_a_row_has_the_types_that_it_says(row: RuntimeIdentifier) -> None:
    """The table is data: what a type checker cannot see is looked at here."""
    adapter = TypeAdapter(RuntimeIdentifier)
    assert adapter.validate_json(adapter.dump_json(row), strict=True) == row
    assert row.family in FAMILIES
    assert all("=" in argument for argument in row.arguments)
    assert RUNTIMES.get(row.served_by, row).family == row.family


@ROWS
def test_an_identifier_is_one_of_aws(row: RuntimeIdentifier) -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    assert row.identifier in model.shape_for("Runtime").enum


@ROWS
def test_support_ends_before_creation_and_that_before_updates(row: RuntimeIdentifier) -> None:
    assert row.support.end < row.support.creation_blocked < row.support.update_blocked


@ROWS
def test_a_base_and_a_description_name_the_version(row: RuntimeIdentifier) -> None:
    if row.family in ("nodejs", "provided"):  # whose language is not in BASE
        return
    assert f":{row.version}" in row.base
    assert describe(row).startswith(f"{FAMILIES[row.family]} {row.version} with ")


def test_what_the_project_says_it_builds_is_built() -> None:
    assert set(list_tested()) == WANTED


def test_a_usual_image_is_one_that_can_be_built_here() -> None:
    assert {name for name, row in RUNTIMES.items() if row.is_usual} < set(list_tested())


@pytest.mark.parametrize(
    ("day", "phase"),
    [
        (DOTNET8.end - DAY, SupportPhase.SUPPORTED),
        (DOTNET8.end, SupportPhase.ENDED),
        (DOTNET8.creation_blocked - DAY, SupportPhase.ENDED),
        (DOTNET8.creation_blocked, SupportPhase.CREATION_BLOCKED),
        (DOTNET8.update_blocked - DAY, SupportPhase.CREATION_BLOCKED),
        (DOTNET8.update_blocked, SupportPhase.UPDATE_BLOCKED),
        (date.max, SupportPhase.UPDATE_BLOCKED),
    ],
)
def test_a_phase_begins_on_its_day(day: date, phase: SupportPhase) -> None:
    assert DOTNET8.find_phase(day) is phase


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="month"):
        Support.parse("2026-13-01", "2027-02-01", "2027-03-03")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_newest_of_a_family_is_supported_longest(family: str) -> None:
    assert find_newest(family).support.end == max(row.support.end for row in list_family(family))
