"""The measurements can be started: their modules agree with what they measure."""

import importlib
from pathlib import Path

import pytest

from bench.hot_path_budget import compare_with_budget

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
