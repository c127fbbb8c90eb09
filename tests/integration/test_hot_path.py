"""What an event costs in calls stays within its budget, to either side (docs/performance.md)."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import kubelambda
from bench.hot_path import count_agent_transfers, count_gateway_calls, count_gateway_transfers
from bench.hot_path_budget import compare_with_budget, read_budget
from bench.load_program import LoadProgram
from bench.system_calls import NoCounterError


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "count", [count_gateway_calls, count_gateway_transfers, count_agent_transfers]
)
def test_an_event_costs_what_its_budget_says(
    count: Callable[[LoadProgram], dict[str, float]],
) -> None:
    if not shutil.which("go"):
        pytest.skip("the hot path's budget: its load program is built with Go, which is missing")
    if any(Path(kubelambda.__path__[0]).rglob("*.so")):
        pytest.skip("the hot path's budget: it is of pure Python, and this is a compiled build")
    try:
        counted = count(LoadProgram())
    except NoCounterError as error:
        pytest.skip(f"the hot path's budget: {error}")
    assert compare_with_budget(counted, read_budget()) == []
