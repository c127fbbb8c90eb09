"""Demand of several gateways."""

from typing import Any

from kubelambda.controller.demand_book import REPORT_S, DemandBook
from kubelambda.core.demand import DemandReport, EnvironmentReport, FunctionDemand
from kubelambda.core.function import FunctionRef

REF = FunctionRef("apps", "hello")


def report(gateway: str, sequence: int, waiting: int, **states: Any) -> DemandReport:
    environments = tuple(
        EnvironmentReport(pod, "r", "d", state, 0.0) for pod, state in states.items()
    )
    demand = FunctionDemand(REF.namespace, REF.name, "u", waiting, environments)
    return DemandReport(gateway, sequence, (demand,))


def test_gateways_add_up() -> None:
    book = DemandBook()
    book.record(report("a", 1, 2, p1="idle"), 0.0)
    book.record(report("b", 1, 3, p2="busy"), 0.0)
    combined = book.combine()[REF]
    assert combined.waiting == 5
    assert sorted(combined.environments) == ["p1", "p2"]


def test_an_environment_that_two_gateways_know_is_as_busy_as_the_busier_says() -> None:
    book = DemandBook()
    book.record(report("a", 1, 0, p="busy"), 0.0)
    book.record(report("b", 1, 0, p="idle"), 0.0)
    assert book.combine()[REF].environments["p"].state == "busy"


def test_a_report_replaces_the_former_one_of_its_gateway() -> None:
    book = DemandBook()
    book.record(report("a", 1, 2), 0.0)
    assert book.record(report("a", 2, 1), 0.1)
    assert not book.record(report("a", 1, 9), 0.2)
    assert book.combine()[REF].waiting == 1


def test_a_silent_gateway_wants_nothing_any_more() -> None:
    book = DemandBook()
    book.record(report("a", 1, 2), 0.0)
    book.expire(REPORT_S)
    assert not book.has_reports
    assert book.combine() == {}


def test_a_gateway_that_restarted_may_count_from_one_again() -> None:
    book = DemandBook()
    book.record(report("a", 100, 2), 0.0)
    assert book.record(report("a", 1, 7), REPORT_S)
