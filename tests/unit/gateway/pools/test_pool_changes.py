"""Whatever becomes of a function, an event that runs ends by itself."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import Stall
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.frames import FrameType
from kubelambda.gateway.pools.pools import HANDOVER_S
from unit.functions import REF
from unit.gateway.pools.pool_world import RESERVED, World, make_reserving_function
from unit.jumping_loop import on_jumping_loop

Change = Callable[[World], object]


def stall(kind: Stall) -> Change:
    def change(world: World) -> None:
        ready = kind is not Stall.CANNOT_RUN
        world.put(replace(world.function, ready=ready, stalled_reason="Why", stall=kind))

    return change


CHANGES: dict[str, Change] = {
    "its configuration changes": lambda world: world.put(make_reserving_function(memory_mb=256)),
    "it is renamed": lambda world: world.put(make_reserving_function(function_name="other")),
    "its reservation is taken away": lambda world: world.put(
        make_reserving_function(reserved_concurrency=0)
    ),
    "it has a reservation no more": lambda world: world.put(
        make_reserving_function(reserved_concurrency=None)
    ),
    "its runtime is gone": stall(Stall.CANNOT_RUN),
    "its image cannot be pulled any more": stall(Stall.CANNOT_START),
    "there is no room": stall(Stall.NO_ROOM),
    "another gateway owns it": World.relinquish,
    "another gateway owns it, and it is deleted": lambda world: (
        world.relinquish(),
        world.delete(),
    ),
    "it is deleted": World.delete,
    "it is made anew": World.recreate,
    "it is deleted, made anew and deleted": lambda world: (
        world.delete(),
        world.recreate(),
        world.delete(),
    ),
    "its environment is to be drained": lambda world: world.pools.drain(REF, "pod-1"),
    "its pod gets SIGTERM": lambda world: world.agents[0].leave(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_an_event_that_runs_is_answered_with_its_result(change: Change) -> None:
    world = World()
    agent = world.link()
    world.submit()
    change(world)
    assert FrameType.SHUTDOWN not in agent.told
    assert world.answers["1"] == []
    assert world.pools.in_flight() == 1
    agent.finish()
    assert isinstance(world.answer(1), Outcome)
    assert world.answer(1).payload == b""
    assert world.pools.in_flight() == 0
    assert world.pools.in_flight_by_account() == {}
    agent.hang_up()
    assert world.pools.environments() == []


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_slot_is_held_until_the_environment_is_idle_or_lost(change: Change) -> None:
    world = World()
    agent = world.link()
    world.submit()
    agent.respond()
    change(world)
    assert world.pools.in_flight() == 1
    agent.hang_up()
    assert world.pools.in_flight() == 0
    assert isinstance(world.answer(1), Outcome)


async def test_environments_of_a_former_configuration_serve_nothing_new() -> None:
    world = World()
    world.link()
    world.put(make_reserving_function(memory_mb=256))
    world.submit()
    assert world.answers["1"] == []
    assert world.count_waiting() == 1
    assert world.link().request_id == "1"


async def test_a_change_that_is_taken_back_hands_idle_environments_to_what_waits() -> None:
    """Not after the whole time that an environment may take to start."""
    world = World()
    agent = world.link()
    world.put(make_reserving_function(memory_mb=256))
    world.submit()
    world.put(make_reserving_function())
    assert agent.request_id == "1"


@on_jumping_loop
async def test_a_greater_reservation_admits_what_is_parked() -> None:
    world = World()
    agents = [world.link() for _ in range(RESERVED)]
    for _ in range(RESERVED):
        world.submit()
    agents[0].respond()
    world.submit()
    assert world.count_parked() == 1
    world.put(make_reserving_function(reserved_concurrency=RESERVED + 1))
    assert world.count_parked() == 0
    assert world.answers["4"] == []


@on_jumping_loop
async def test_what_waits_or_is_parked_goes_uncounted_to_the_new_owner() -> None:
    world = World()
    agents = [world.link() for _ in range(2)]
    for _ in range(3):
        world.submit()
    agents[0].respond()
    world.submit()
    assert world.count_parked() == 1
    given_away = world.relinquish()
    assert [one.request_id for one in given_away] == ["3", "4"]
    assert world.pools.in_flight() == 2, "what runs stays counted here"
    assert world.pools.in_flight_by_function() == {REF: 2}
    assert [one.told[-1] for one in agents] == [FrameType.GOAWAY] * 2
    for invocation in given_away:
        invocation.leave()
    assert world.answers["3"] == world.answers["4"] == [], "they are the owner's now"


async def test_functions_without_a_successor_stay() -> None:
    world = World()
    agent = world.link()
    world.submit()
    world.submit()
    assert world.relinquish(None) == []
    agent.finish()
    assert agent.request_id == "2"


async def test_right_after_a_change_of_owners_nothing_is_said_to_wait() -> None:
    """Warm environments are on their way."""
    world = World()
    world.relinquish(None)
    world.submit()
    assert world.count_waiting() == 0
    assert HANDOVER_S < 1


async def test_an_environment_that_was_given_away_gets_nothing_here() -> None:
    world = World()
    agent = world.link()
    world.relinquish()
    world.submit()
    assert agent.environment.invocation is None


async def test_only_an_idle_environment_is_drained() -> None:
    world = World()
    busy, idle = world.link(), world.link()
    world.submit()  # the one that was used last
    world.pools.drain(REF, "pod-1")
    world.pools.drain(REF, "pod-2")
    assert busy.told[-1] == FrameType.DRAIN
    assert FrameType.DRAIN not in idle.told
    world.submit()
    assert world.answers["2"] == []
    assert busy.environment.invocation is None


async def test_a_client_that_goes_while_it_waits_takes_its_slot_along() -> None:
    world = World()
    waiting = [world.submit() for _ in range(RESERVED)]
    waiting[1].leave()
    assert world.pools.in_flight() == RESERVED - 1
    assert isinstance(world.answer(2), ApiError)
    agent = world.link()
    assert agent.request_id == "1"
    agent.finish()
    assert agent.request_id == "3"


async def test_a_client_that_goes_while_its_event_runs_changes_nothing() -> None:
    world = World()
    agent = world.link()
    world.submit().leave()
    assert world.pools.in_flight() == 1
    agent.finish()
    assert isinstance(world.answer(1), Outcome)
