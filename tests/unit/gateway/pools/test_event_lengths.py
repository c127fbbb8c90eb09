"""What gateways measure: the length of events for the controller, the stages of cold starts."""

import asyncio

import pytest

from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.demand import DemandReport, decode_report, encode_report
from kubelambda.gateway.pools.function_pool import (
    DURATION_WEIGHT,
    FunctionPool,
    FunctionVersions,
)
from unit.functions import REF
from unit.gateway.pools.pool_world import World, make_reserving_function

SHARED = FunctionVersions(REF, "u")


def reported_ms(world: World) -> float | None:
    ref = world.function.ref
    report = world.pools.report_of(FunctionRef(ref.namespace, ref.name))
    assert report is not None
    return report.duration_ms


async def test_before_an_event_has_ended_its_length_is_not_known() -> None:
    """So that the controller starts an environment for each request, as AWS does."""
    world = World()
    agent = world.link()
    assert reported_ms(world) is None
    world.submit()
    assert reported_ms(world) is None
    agent.finish()
    assert reported_ms(world) is not None


def test_the_mean_follows_the_latest_events() -> None:
    pool = FunctionPool(make_reserving_function(), SHARED)
    pool.note_event(1.0)
    assert pool.duration_s == 1.0
    pool.note_event(2.0)
    assert pool.duration_s == pytest.approx(1.0 + DURATION_WEIGHT)
    for _ in range(100):
        pool.note_event(0.001)
    assert pool.duration_s == pytest.approx(0.001, rel=0.01)


async def test_events_that_run_longer_than_usual_count_for_what_they_have_taken() -> None:
    """A function of short events that gets long ones is not kept waiting for environments."""
    world = World()
    agent = world.link()
    world.submit()
    agent.finish()
    world.submit()
    pool = FunctionPool(world.function, SHARED, {agent.environment}, duration_s=0.001)
    begun = asyncio.get_running_loop().time()
    assert pool.report(begun + 30).duration_ms == pytest.approx(30_000, rel=0.01)
    agent.finish()
    assert pool.report(begun + 30).duration_ms == 1.0


async def test_a_cold_start_that_somebody_waits_for_is_measured() -> None:
    world = World()
    world.submit()
    agent = world.attach()
    agent.environment.configure({})
    agent.end_init()
    assert [stage for stage, _ in world.stages] == ["dialled", "configured", "initialised"]
    assert all(seconds >= 0 for _, seconds in world.stages)


async def test_an_environment_that_another_gateway_has_started_is_no_cold_start() -> None:
    world = World()
    world.recover("", "idle")
    assert world.stages == []


@pytest.mark.parametrize(
    ("ended_after_s", "runs_for_s"),
    [(1.0, 3_600.0), (900.3, 0.0)],
    ids=["an agent that never says it is idle", "an event that used up the longest timeout"],
)
async def test_no_length_of_an_event_makes_the_gateways_report_unreadable(
    ended_after_s: float, runs_for_s: float
) -> None:
    """The controller refuses a report as a whole: every function of the gateway would suffer."""
    world = World()
    agent = world.link()
    world.submit()
    begun = asyncio.get_running_loop().time()
    pool = FunctionPool(world.function, SHARED, {agent.environment}, duration_s=ended_after_s)
    report = DemandReport("gateway-0", 1, (pool.report(begun + runs_for_s),))
    assert decode_report(encode_report(report)) == report
