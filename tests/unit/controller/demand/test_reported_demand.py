"""Demand of several gateways; rules D1 to D3 of core.demand."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.controller.demand.reported_demand import REPORT_S, ReportedDemand
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.demand import DemandReport, EnvironmentReport, FunctionDemand

REF = FunctionRef("apps", "hello")


def report(gateway: str, sequence: int, waiting: int, **states: Any) -> DemandReport:
    environments = tuple(
        EnvironmentReport(pod, "r", "d", state, 0.0) for pod, state in states.items()
    )
    demand = FunctionDemand(REF.namespace, REF.name, "u", waiting, environments)
    return DemandReport(gateway, sequence, (demand,))


def test_gateways_add_up() -> None:
    reported = ReportedDemand()
    reported.record(report("a", 1, 2, p1="idle"), 0.0)
    reported.record(report("b", 1, 3, p2="busy"), 0.0)
    combined = reported.combine(0.0)[REF]
    assert combined.waiting == 5
    assert sorted(combined.environments) == ["p1", "p2"]


def test_an_environment_that_two_gateways_know_is_as_busy_as_the_busier_says() -> None:
    reported = ReportedDemand()
    reported.record(report("a", 1, 0, p="busy"), 0.0)
    reported.record(report("b", 1, 0, p="idle"), 0.0)
    assert reported.combine(0.0)[REF].environments["p"].state == "busy"


def test_a_report_replaces_the_former_one_of_its_gateway() -> None:
    reported = ReportedDemand()
    reported.record(report("a", 1, 2), 0.0)
    assert reported.record(report("a", 2, 1), 0.1)
    assert not reported.record(report("a", 1, 9), 0.2)
    assert reported.combine(0.0)[REF].waiting == 1


def test_a_silent_gateway_wants_nothing_any_more() -> None:
    reported = ReportedDemand()
    reported.record(report("a", 1, 2), 0.0)
    reported.expire(REPORT_S)
    assert not reported.has_reports
    assert reported.combine(0.0) == {}


def test_a_gateway_that_restarted_may_count_from_one_again() -> None:
    reported = ReportedDemand()
    reported.record(report("a", 100, 2), 0.0)
    assert reported.record(report("a", 1, 7), REPORT_S)


def changes(sequence: int, base: int, *demands: FunctionDemand) -> DemandReport:
    return DemandReport("a", sequence, demands, base)


def idle(pod: str, idle_s: float, name: str = "hello") -> FunctionDemand:
    return FunctionDemand("apps", name, "u", 0, (EnvironmentReport(pod, "r", "d", "idle", idle_s),))


def test_d1_changes_are_laid_over_the_report_that_they_begin_from() -> None:
    reported = ReportedDemand()
    reported.record(DemandReport("a", 1, (idle("p", 0.0), idle("q", 0.0, "other"))), 0.0)
    assert reported.record(changes(2, 1, FunctionDemand("apps", "hello", "u", 3)), 1.0)
    combined = reported.combine(1.0)
    assert combined[REF].waiting == 3
    assert combined[REF].environments == {}
    assert set(combined[FunctionRef("apps", "other")].environments) == {"q"}
    assert reported.sequence_of("a") == 2


def test_d1_changes_after_a_gap_are_not_taken_and_the_reply_says_what_is_held() -> None:
    reported = ReportedDemand()
    reported.record(DemandReport("a", 1, (idle("p", 0.0),)), 0.0)
    assert not reported.record(changes(3, 2, FunctionDemand("apps", "hello", "u", 9)), 1.0)
    assert reported.sequence_of("a") == 1
    assert reported.combine(1.0)[REF].waiting == 0


def test_d1_a_new_leader_takes_no_changes_before_the_whole() -> None:
    reported = ReportedDemand()
    assert not reported.record(changes(8, 7, FunctionDemand("apps", "hello", "u", 9)), 0.0)
    assert reported.sequence_of("a") == 0
    assert not reported.has_reports


def test_d2_a_function_that_a_gateway_knows_no_more_is_forgotten() -> None:
    reported = ReportedDemand()
    reported.record(DemandReport("a", 1, (idle("p", 0.0),)), 0.0)
    reported.record(changes(2, 1, FunctionDemand("apps", "hello", "u", 0)), 1.0)
    assert reported.combine(1.0) == {}
    assert list(reported.functions_of("a")) == []


def test_d3_an_idle_environment_grows_older_by_the_controllers_clock() -> None:
    reported = ReportedDemand()
    reported.record(DemandReport("a", 1, (idle("p", 10.0),)), 100.0)
    reported.record(changes(2, 1), 104.0)
    assert reported.combine(107.0)[REF].environments["p"].idle_s == 17.0
    reported.record(changes(3, 2, idle("p", 0.5)), 108.0)
    assert reported.combine(108.0)[REF].environments["p"].idle_s == 0.5


def test_an_empty_report_of_changes_keeps_its_gateway_heard() -> None:
    reported = ReportedDemand()
    reported.record(DemandReport("a", 1, (idle("p", 0.0),)), 0.0)
    for second in range(1, 20):
        assert reported.record(changes(second + 1, second), float(second))
        reported.expire(float(second))
    assert set(reported.combine(19.0)) == {REF}


@given(
    st.lists(
        st.tuples(st.sampled_from(["f", "g", "h"]), st.integers(0, 2), st.booleans()), max_size=20
    )
)
def test_d1_whatever_gets_lost_changes_lead_to_what_the_whole_says(
    steps: list[tuple[str, int, bool]],
) -> None:
    """A gateway that follows the replies and a controller that misses reports agree in the end."""
    reported, wanted, base = ReportedDemand(), dict[str, int](), 0
    untold: set[str] = set()
    both = [*steps, ("f", 1, True), ("f", 2, True)]
    for sequence, (name, waiting, arrives) in enumerate(both, start=1):
        wanted[name] = waiting
        untold.add(name)
        told = set(wanted) if not base else untold
        report = DemandReport(
            "a", sequence, tuple(FunctionDemand("n", name, "u", wanted[name]) for name in told)
        )
        if arrives and reported.record(replace(report, base=base or None), 0.0):
            base, untold = reported.sequence_of("a"), set()
        else:
            base = 0
    held = {ref.name: demand.waiting for ref, demand in reported.combine(0.0).items()}
    assert held == {name: waiting for name, waiting in wanted.items() if waiting}
