"""An environment that is ready serves, whatever else cannot be started."""

import asyncio
from dataclasses import replace

import pytest

from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import Function, Stall
from kubelambda.core.model.invocation import Outcome
from kubelambda.gateway.pools.function_pool import RETRY_NO_ROOM_S
from unit.gateway.pools.pool_world import World, make_reserving_function

WORDS = "0/3 nodes are available: 3 Insufficient memory."


def make_stalled(stall: Stall, reason: str = "Unschedulable") -> Function:
    return make_reserving_function(
        reserved_concurrency=None,
        ready=stall is not Stall.CANNOT_RUN,
        stalled_reason=reason,
        stalled_message=WORDS,
        stall=stall,
    )


@pytest.fixture
def no_room() -> Function:
    return make_stalled(Stall.NO_ROOM)


async def test_with_three_environments_ten_requests_are_served_one_after_the_other(
    no_room: Function,
) -> None:
    """A ResourceQuota of three pods; the condition comes while the requests wait."""
    world = World()
    world.put(replace(no_room, stalled_reason=""))
    agents = [world.link() for _ in range(3)]
    for _ in range(5):
        world.submit()
    world.put(no_room)
    for _ in range(5):
        world.submit()
    for turn in range(10):
        agents[turn % 3].finish()
    for number in range(1, 11):
        assert isinstance(world.answer(number), Outcome)


async def test_what_waited_in_vain_is_told_in_the_words_of_who_denies_the_room(
    no_room: Function,
) -> None:
    """With an environment that is busy all the while, and without any."""
    for environments in (1, 0):
        world = World(start_wait_s=0.01)
        world.put(no_room)
        for _ in range(environments):
            world.link()
            world.submit()
        answered = asyncio.Event()
        world.submit(request_id="waits", answered=answered)
        assert world.answers["waits"] == [], "it waits, whatever the condition says"
        await answered.wait()
        (answer,) = world.answers["waits"]
        assert (answer.status, answer.retry_after_s) == (503, RETRY_NO_ROOM_S)
        assert WORDS in answer.message
        assert "Unschedulable" in answer.message
        assert world.pools.in_flight() == environments


async def test_a_request_waits_for_room_that_comes(no_room: Function) -> None:
    world = World()
    world.put(no_room)
    world.submit()
    world.put(replace(no_room, stalled_reason=""))
    assert world.answers["1"] == []
    assert world.link().request_id == "1"


async def test_a_limit_throttles_at_once_where_there_is_no_room_either(no_room: Function) -> None:
    world = World()
    world.put(replace(no_room, reserved_concurrency=1))
    world.submit()
    world.submit()
    assert world.answer(2).status == 429


async def test_where_no_environment_starts_and_none_is_there_the_request_is_refused_at_once() -> (
    None
):
    world = World()
    world.submit()
    world.put(make_stalled(Stall.CANNOT_START, "ImagePullFailed"))
    world.submit()
    for number in (1, 2):
        answer = world.answer(number)
        assert isinstance(answer, ApiError)
        assert (answer.status, answer.code) == (502, "ResourceNotReadyException")
    assert world.pools.in_flight() == 0


async def test_where_no_further_environment_starts_the_one_that_is_there_serves_all() -> None:
    """An upgrade whose image cannot be pulled leaves the former one's environments."""
    world = World()
    agent = world.link()
    world.put(make_stalled(Stall.CANNOT_START, "ImagePullFailed"))
    for _ in range(3):
        world.submit()
    for _ in range(3):
        agent.finish()
    for number in range(1, 4):
        assert isinstance(world.answer(number), Outcome)


@pytest.mark.parametrize("end", ["it is lost", "it leaves"])
async def test_where_the_last_environment_goes_and_none_starts_nobody_waits(end: str) -> None:
    world = World()
    agent = world.link()
    world.put(make_stalled(Stall.CANNOT_START, "ContainerStartFailed"))
    world.submit()
    world.submit()
    if end == "it is lost":
        agent.hang_up()
    else:
        agent.leave()
    assert world.answer(2).status == 502


async def test_a_function_that_is_wrong_is_refused_although_environments_are_there() -> None:
    world = World()
    world.link()
    world.put(make_stalled(Stall.CANNOT_RUN, "RuntimeNotFound"))
    world.submit()
    assert world.answer(1).status == 502
