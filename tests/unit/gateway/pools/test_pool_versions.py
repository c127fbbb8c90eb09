"""Versions of one function: environments of their own, one concurrency (spec 4, 7.2)."""

from typing import Any

from kubelambda.core.capacity.concurrency import RESERVED_EXCEEDED
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.frames import FrameType
from unit.functions import REF, make_version
from unit.gateway.pools.pool_world import RESERVED, World, make_reserving_function


def make_reserving_version(number: int, reserved: int | None = RESERVED, **fields: Any) -> Function:
    return make_version(number, reserved_concurrency=reserved, **fields)


class Versions(World):
    """$LATEST and versions 1 and 2 of a function."""

    def __init__(self, reserved: int | None = RESERVED) -> None:
        super().__init__()
        self.latest = make_reserving_function(reserved_concurrency=reserved)
        self.first, self.second = (make_reserving_version(one, reserved) for one in (1, 2))
        for one in (self.first, self.second, self.latest):
            self.put(one)

    def delete_version(self, version: Function) -> None:
        del self.catalog[version.ref]
        self.pools.remove(version.ref)


def error_of(world: World, number: int) -> ApiError:
    answer = world.answer(number)
    assert isinstance(answer, ApiError)
    return answer


async def test_an_event_goes_to_an_environment_of_its_own_version() -> None:
    world = Versions()
    first, second = world.link(world.first), world.link(world.second)
    for function, agent in ((world.second, second), (world.first, first)):
        invocation = world.submit(function)
        assert agent.environment.invocation is invocation
    latest = world.submit(world.latest)
    assert not latest.begun, "it waits for an environment of $LATEST"
    assert {(one.name, one.uid, one.waiting) for one in world.reports()} == {
        ("hello", "u", 1),
        ("hello.1", "version-1", 0),
        ("hello.2", "version-2", 0),
    }


async def test_a_reservation_is_counted_over_all_versions() -> None:
    world = Versions()
    for function in (world.first, world.second, world.latest):
        world.submit(function)
    assert world.pools.in_flight_by_function() == {REF: RESERVED}
    for function in (world.first, world.second, world.latest):
        world.submit(function)
    assert {error_of(world, number).reason for number in (4, 5, 6)} == {RESERVED_EXCEEDED}
    peers = Versions()
    peers.peer_counts.functions[REF] = RESERVED
    peers.submit(peers.second)
    assert error_of(peers, 1).reason == RESERVED_EXCEEDED, "peers count by function"


async def test_what_environments_of_any_version_recovered_counts() -> None:
    world = Versions()
    agents = [world.attach(one) for one in (world.first, world.second, world.latest)]
    for number, agent in enumerate(agents):
        agent.environment.adopt("busy", f"r{number}")
    assert world.pools.in_flight_by_function() == {REF: RESERVED}
    world.submit(world.first)
    assert error_of(world, 1).reason == RESERVED_EXCEEDED


async def test_a_request_parked_at_one_version_gets_the_slot_that_another_gives_back() -> None:
    world = Versions(reserved=1)
    agent, other = world.link(world.first), world.link(world.second)
    world.submit(world.first)
    agent.respond()
    parked = world.submit(world.second)
    assert world.count_parked() == 1
    world.submit(world.latest)
    assert error_of(world, 3).reason == RESERVED_EXCEEDED, "one slot is about to come back, no more"
    agent.become_idle()
    assert other.environment.invocation is parked
    assert world.count_parked() == 0


async def test_a_version_that_is_deleted_tells_who_waits_and_ends_what_is_idle() -> None:
    world = Versions()
    idle, busy = world.link(world.second), world.link(world.second)
    world.submit(world.second)
    world.put(make_reserving_version(2, timeout_s=9))  # nothing that is there is current
    world.submit(world.second)
    kept = world.submit(world.first)
    world.delete_version(world.second)
    assert error_of(world, 2).is_gone
    assert world.answers["3"] == [], "another version's requests wait on"
    assert not kept.answered
    ends = {agent: agent.told[-1] for agent in (idle, busy)}
    assert sorted(ends.values()) == sorted([FrameType.DRAIN, FrameType.SHUTDOWN])
    running = next(agent for agent in (idle, busy) if agent.environment.invocation)
    assert world.pools.in_flight_by_function() == {REF: 2}, "what still runs is the function's"
    running.finish()
    assert isinstance(world.answer(1), Outcome)
    assert world.pools.in_flight_by_function() == {REF: 1}
    world.submit(world.second)
    assert error_of(world, 4).is_gone


async def test_a_request_by_an_alias_hears_that_its_version_is_gone_and_may_come_again() -> None:
    world = Versions()
    invocation = world.submit(world.second)
    invocation.qualifier, invocation.invoked_arn = "live", "arn:hello:live"
    world.delete_version(world.second)
    error = error_of(world, 1)
    assert (error.status, error.is_gone) == (404, False)
    assert error.message.startswith("Function not found: arn:hello:2 (the alias live names ")


async def test_what_runs_of_a_deleted_functions_version_counts_for_no_successor() -> None:
    world = Versions(reserved=1)
    agent = world.link(world.first)
    world.submit(world.first)
    world.delete()
    world.delete_version(world.first)
    assert world.pools.in_flight_by_function() == {}
    world.put(make_reserving_function(uid="later", reserved_concurrency=1))
    world.submit()
    assert world.answers["2"] == []
    agent.finish()
    agent.hang_up()
    assert world.pools.in_flight_by_function() == {REF: 1}


async def test_a_function_made_again_is_a_stranger_to_what_its_former_versions_run() -> None:
    """The catalog tells the new function before it takes the versions of the former one away."""
    world = Versions(reserved=1)
    world.link(world.first)
    world.submit(world.first)
    world.put(make_reserving_function(uid="later", reserved_concurrency=1))
    assert world.pools.in_flight_by_function() == {}
    world.delete_version(world.first)
    world.submit()
    assert world.answers["2"] == []


async def test_a_repeated_event_finds_its_run_whatever_version_its_alias_means_by_now() -> None:
    world = Versions()
    agent = world.link(world.first)
    world.submit(world.first, request_id="runs", may_repeat=True)
    world.submit(world.second, request_id="runs", may_repeat=True)
    other = world.attach(world.first)
    other.environment.adopt("busy", "came")
    came = world.submit(world.second, request_id="came", may_repeat=True)
    assert other.environment.invocation is came
    assert world.pools.in_flight() == 2
    agent.finish()
    assert [len(world.answers[one]) for one in ("runs", "came")] == [2, 0]


async def test_versions_are_given_away_together_and_leave_nothing() -> None:
    world = Versions()
    for function in (world.first, world.second):
        world.submit(function)
    asked: list[FunctionRef] = []

    def find_successor(ref: FunctionRef) -> str:
        asked.append(ref)
        return "10.0.0.9:8443"

    given = world.pools.relinquish(find_successor, 7, "proof")
    assert [one.function.version for one in given] == ["1", "2"]
    assert sorted(asked) == [world.first.ref, world.second.ref]
    assert world.pools.in_flight_by_function() == {}
    assert (world.pools._pools, world.pools._versions) == ({}, {})
