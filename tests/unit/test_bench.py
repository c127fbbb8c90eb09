"""The measurements can be started: their modules agree with what they measure."""

import importlib
from pathlib import Path

import pytest

from bench.figures import Figure, Target, take_turns
from bench.hot_path_budget import compare_with_budget
from bench.report import format_table
from bench.soak import LEAK_BYTES, fit_slope
from bench.trees import AGAINST, NOW

BENCH = Path(__file__).parents[1] / "bench"
MODULES = sorted(path.stem for path in BENCH.glob("*.py") if path.stem != "__main__")


@pytest.mark.parametrize("name", MODULES)
def test_every_module_of_the_bench_can_be_imported(name: str) -> None:
    importlib.import_module(f"bench.{name}")


BUDGET = {"plain: gateway, Python calls": 200.0}


@pytest.mark.parametrize("count", [190.0, 200.0, 210.0])
def test_a_count_within_five_percent_of_its_budget_passes(count: float) -> None:
    assert compare_with_budget({"plain: gateway, Python calls": count}, BUDGET) == []


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (211.0, "211 an event, budget 200: mend it"),
        (189.0, "189 an event, less than its budget 200"),
    ],
)
def test_a_count_further_from_its_budget_fails_to_either_side(count: float, words: str) -> None:
    (problem,) = compare_with_budget({"plain: gateway, Python calls": count}, BUDGET)
    assert words in problem
    assert "hack/hot-path-budget" in problem


def test_a_count_without_a_budget_fails() -> None:
    (problem,) = compare_with_budget({"plain: new": 1.0}, BUDGET)
    assert "no budget" in problem


def test_sides_take_turns_in_an_order_that_is_reversed_from_round_to_round() -> None:
    asked: list[str] = []

    def ask(side: str) -> int:
        asked.append(side)
        return len(asked)

    found = take_turns(2, {NOW: lambda: ask(NOW), AGAINST: lambda: ask(AGAINST)})
    assert asked == [NOW, AGAINST, AGAINST, NOW, NOW, AGAINST]
    assert found == [{AGAINST: 3, NOW: 4}, {NOW: 5, AGAINST: 6}]  # the first round warms up


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    figure = Figure("CPU per request", "us", 0)
    for now, against in ((100, 200), (300, 400), (30, 10)):
        figure.add(NOW, now)
        figure.add(AGAINST, against)
    row = figure.build_row()
    assert (row.value, row.against) == ("100 us", "200 us")
    assert (row.ratio, row.ratio_spread) == ("0.75 x", "0.50..3.00")


@pytest.mark.parametrize(
    ("target", "is_met"),
    [
        (Target(1.5, of_floor=True, at_least=True), True),
        (Target(1.5, of_floor=True), False),
        (Target(30), True),
        (Target(20, at_least=True), True),
        (Target(20), False),
    ],
)
def test_a_target_is_one_of_the_value_or_of_its_multiple_of_the_floor(
    target: Target, is_met: bool
) -> None:
    figure = Figure("requests per CPU second", "/s", 0, "proxy", target)
    figure.add(NOW, 30)
    figure.add("proxy", 10)
    assert figure.build_row().met is is_met


def test_a_table_leaves_out_a_column_that_no_row_has() -> None:
    figure = Figure("requests per second", "/s", 0)
    figure.add(NOW, 30)
    assert "against" not in format_table([figure.build_row()])
    figure.add(AGAINST, 15)
    assert "2.00 x" in format_table([figure.build_row()])


@pytest.mark.parametrize(
    ("points", "slope"),
    [
        ([], 0.0),
        ([(5, 7e7)], 0.0),
        ([(5, 7e7), (5, 8e7)], 0.0),
        ([(number, 7e7) for number in range(100)], 0.0),
        ([(number, 7e7 + 100 * number) for number in range(100)], 100.0),
        ([(number, 7e7 - number) for number in range(100)], -1.0),
    ],
    ids=["nothing", "one", "no requests between", "even", "a leak", "less"],
)
def test_a_soak_says_how_memory_grows_with_each_request(
    points: list[tuple[int, float]], slope: float
) -> None:
    assert fit_slope(points) == pytest.approx(slope)


def test_a_soak_finds_a_small_object_for_each_request_in_pages_of_4_kib() -> None:
    pages = [(number * 200, 7e7 + number * 200 * 64 // 4_096 * 4_096) for number in range(100)]
    assert fit_slope(pages) > LEAK_BYTES
