"""Deleting a function, as on AWS: what runs finishes, nothing new begins, its name is free."""

import asyncio

import pytest

from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import Function
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.frames import FrameType
from unit.functions import ACCOUNT_ID, REF
from unit.gateway.pools.pool_world import RESERVED, World, make_reserving_function

FUNCTION, SUCCESSOR = make_reserving_function(), make_reserving_function(uid="successor")


async def test_what_runs_is_answered_normally_and_its_environment_ends_afterwards() -> None:
    world = World()
    agent = world.link()
    world.submit()
    world.delete()
    assert agent.told[-1] == FrameType.DRAIN
    assert FrameType.SHUTDOWN not in agent.told
    assert world.pools.in_flight() == 1, "its slot is held until it is idle"
    agent.finish()
    assert isinstance(world.answer(1), Outcome)
    assert not world.answer(1).function_error
    assert world.pools.in_flight() == 0
    assert world.pools.environments() == [agent.environment], "until it hangs up"
    agent.hang_up()
    assert world.pools.environments() == []


async def test_idle_and_starting_environments_are_shut_down_at_once() -> None:
    world = World()
    idle, starting = world.link(), world.attach()
    world.delete()
    assert idle.told[-1] == starting.told[-1] == FrameType.SHUTDOWN
    starting.end_init()  # it had been said already
    assert starting.environment.invocation is None


async def test_what_waits_and_what_comes_is_told_that_the_function_is_gone() -> None:
    """Seen to be deleted: an event that was accepted for it is settled, not tried for hours."""
    world = World()
    world.submit()
    world.delete()
    world.submit()
    for number in (1, 2):
        answer = world.answer(number)
        assert isinstance(answer, ApiError)
        assert (answer.status, answer.is_gone) == (404, True)
    assert world.pools.in_flight() == 0
    assert world.reports() == []


async def test_a_request_resolved_before_the_deletion_does_not_bring_the_function_back() -> None:
    world = World()
    resolved = world.function
    world.recreate()
    world.submit(resolved)
    assert world.answer(1).status == 404
    assert [one.uid for one in world.reports()] in ([], [world.function.uid])
    world.submit()
    assert world.answers["2"] == [], "the successor is another function"


async def test_a_request_runs_under_what_the_catalog_says_now() -> None:
    """A request that was resolved before an update does not undo it."""
    world = World()
    former = world.function
    world.put(make_reserving_function(memory_mb=256))
    agent = world.link()
    world.submit(former)
    assert agent.environment.invocation is not None


async def test_a_busy_pod_that_is_deleted_with_its_owner_finishes_its_event() -> None:
    """The garbage collector's SIGTERM: the agent says that it leaves and keeps its link."""
    world = World()
    agent = world.link()
    world.submit()
    for step in (agent.leave, world.delete):
        step()
    assert FrameType.SHUTDOWN not in agent.told
    agent.finish()
    assert isinstance(world.answer(1), Outcome)


async def test_an_environment_that_runs_another_gateways_event_may_finish_too() -> None:
    world = World()
    agent = world.recover("elsewhere")
    world.delete()
    assert agent.told[-1] == FrameType.DRAIN
    agent.finish()


async def test_an_environment_whose_function_is_not_here_any_more_ends() -> None:
    world = World()
    agent = world.attach()
    world.delete()
    world.pools.attach(agent.environment)
    assert agent.told[-1] == FrameType.DRAIN


async def delete_and_create(world: World, successor: Function) -> None:
    world.delete()
    world.put(successor)


async def replace_at_once(world: World, successor: Function) -> None:
    """As a list after a gap shows it: the deletion itself was not seen."""
    world.put(successor)


@pytest.mark.parametrize("recreate", [delete_and_create, replace_at_once])
async def test_a_successor_of_the_name_has_environments_and_counts_of_its_own(
    recreate: object,
) -> None:
    assert callable(recreate)
    world = World()
    world.put(make_reserving_function(reserved_concurrency=1))
    old = world.link()
    world.submit()
    await recreate(world, make_reserving_function(uid="successor", reserved_concurrency=1))
    world.submit()
    assert world.answers["2"] == [], "the old object's event takes no slot of the new one"
    assert world.pools.in_flight_by_function() == {REF: 1}
    old.finish()
    assert world.answers["2"] == [], "an environment of the old object serves the new one never"
    fresh = world.link()
    assert fresh.request_id == "2"
    (report,) = world.reports()
    assert (report.uid, [one.pod for one in report.environments]) == ("successor", ["pod-2"])
    world.submit()
    assert world.answer(3).status == 429


async def test_an_old_object_that_still_runs_counts_against_its_account() -> None:
    world = World()
    world.put(make_reserving_function(reserved_concurrency=None))
    agent = world.link()
    world.submit()
    world.delete()
    assert world.pools.in_flight_by_account() == {ACCOUNT_ID: 1}
    agent.finish()
    assert world.pools.in_flight_by_account() == {}


async def test_a_file_that_comes_back_has_a_pool_of_its_own() -> None:
    """Local mode gives a function that is there again its former uid."""
    world = World()
    old = world.link()
    for _ in range(RESERVED):
        world.submit()
    world.delete()
    world.put(FUNCTION)
    world.submit()
    assert world.answers["4"] == []
    old.finish()
    assert world.answers["4"] == []
    assert world.link().request_id == "4"


async def test_a_gateway_that_stops_waits_for_what_a_deleted_function_runs() -> None:
    world = World()
    agent = world.link()
    world.submit()
    world.delete()
    waiting = asyncio.create_task(world.pools.wait_released())
    await asyncio.sleep(0)
    assert not waiting.done()
    agent.finish()
    await waiting
