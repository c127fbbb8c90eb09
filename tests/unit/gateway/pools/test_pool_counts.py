"""What counts against a reservation and against an account."""

from kubelambda.core.capacity.concurrency import ACCOUNT_EXCEEDED, ACCOUNT_LIMIT, RESERVED_EXCEEDED
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.invocation import Outcome
from unit.functions import ACCOUNT_ID, REF
from unit.gateway.pools.pool_world import RESERVED, World, make_reserving_function

OTHER = FunctionRef("shop", "other")


def throttle_of(world: World, number: int) -> str:
    answer = world.answer(number)
    assert isinstance(answer, ApiError)
    return answer.reason


async def test_functions_without_a_reservation_share_their_accounts_limit() -> None:
    world = World()
    world.peer_counts.accounts[ACCOUNT_ID] = ACCOUNT_LIMIT - 2
    for ref in (REF, OTHER):
        world.put(make_reserving_function(ref=ref, uid=ref.name, reserved_concurrency=None))
        world.submit()
    world.submit()
    assert throttle_of(world, 3) == ACCOUNT_EXCEEDED
    assert world.pools.in_flight_by_account() == {ACCOUNT_ID: 2}
    world.put(
        make_reserving_function(ref=OTHER, uid="other", reserved_concurrency=None, account_id="2")
    )
    world.submit()
    assert world.answers["4"] == [], "another account"


async def test_a_reservation_is_no_part_of_the_accounts_count() -> None:
    world = World()
    world.peer_counts.accounts[ACCOUNT_ID] = ACCOUNT_LIMIT
    world.submit()
    assert world.answers["1"] == []
    assert world.pools.in_flight_by_account() == {}


async def test_a_slot_goes_back_to_the_account_that_it_was_taken_from() -> None:
    """Whatever reservation the function has by then."""
    world = World()
    world.put(make_reserving_function(reserved_concurrency=None))
    agent = world.link()
    world.submit()
    world.put(make_reserving_function(reserved_concurrency=5))
    agent.finish()
    world.submit()
    world.put(make_reserving_function(reserved_concurrency=None))
    agent.finish()
    assert world.pools.in_flight_by_account() == {}
    assert world.pools.in_flight() == 0


async def test_what_other_gateways_run_counts_against_the_reservation() -> None:
    world = World()
    world.peer_counts.functions[REF] = RESERVED - 1
    world.submit()
    world.submit()
    assert world.answers["1"] == []
    assert throttle_of(world, 2) == RESERVED_EXCEEDED


async def test_an_event_that_came_with_its_environment_counts_until_it_ends() -> None:
    world = World()
    recovered = [world.recover(f"r{number}") for number in range(RESERVED)]
    assert world.pools.in_flight_by_function() == {REF: RESERVED}
    world.submit()
    assert throttle_of(world, 1) == RESERVED_EXCEEDED
    recovered[0].finish()
    assert world.pools.in_flight_by_function() == {REF: RESERVED - 1}
    world.submit()
    assert recovered[0].request_id == "2"


async def test_a_repeated_event_is_joined_with_the_run_that_came_with_its_environment() -> None:
    """It is run once, counted once, and no limit stands against its answer."""
    world = World()
    recovered = [world.recover(f"r{number}") for number in range(RESERVED)]
    invocation = world.submit(request_id="r1", may_repeat=True)
    assert recovered[1].environment.invocation is invocation
    assert world.pools.in_flight_by_function() == {REF: RESERVED}
    recovered[1].finish()
    (answer,) = world.answers["r1"]
    assert isinstance(answer, Outcome)
    assert world.pools.in_flight() == 0


async def test_a_repeated_event_that_runs_or_waits_here_is_answered_twice_and_run_once() -> None:
    world = World()
    agent = world.link()
    for request_id in ("runs", "waits"):
        world.submit(request_id=request_id, may_repeat=True)
        world.submit(request_id=request_id, may_repeat=True)
    assert world.pools.in_flight() == 2
    agent.finish()
    agent.finish()
    assert agent.environment.state == "idle"
    assert [len(answers) for answers in world.answers.values()] == [2, 2]


async def test_a_kept_result_is_given_to_whoever_asks_and_the_environment_serves_meanwhile() -> (
    None
):
    world = World()
    agent = world.recover("kept", state="idle")
    assert world.pools.in_flight_by_function() == {}
    invocation = world.submit(request_id="kept", may_repeat=True)
    assert agent.environment.invocation is invocation


async def test_counts_are_by_function_and_zeros_are_left_out() -> None:
    world = World()
    agent = world.link()
    world.submit()
    assert world.pools.in_flight_by_function() == {REF: 1}
    agent.finish()
    assert world.pools.in_flight_by_function() == {}
    await world.pools.wait_released()


async def test_what_fails_while_it_is_handed_over_is_answered_and_gives_its_slot_back() -> None:
    """Here the caller's connection: it is to be told that the event begins."""
    world = World()
    agent = world.link()

    def fail() -> None:
        raise RuntimeError("a bug")

    world.submit(on_begun=fail)
    assert world.answer(1).function_error
    assert world.pools.in_flight() == 0
    agent.hang_up()
    assert world.pools.environments() == []
