"""Pools: nothing is lost, no limit is exceeded, whatever the order of events.

accepted = answered + in flight, and what is in flight never exceeds the reservation.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import LATEST, Function
from kubelambda.core.model.invocation import Outcome
from kubelambda.gateway.link.environment import FINISHING_S
from unit.functions import REF, make_version
from unit.gateway.pools.pool_world import RESERVED, Agent, World, make_reserving_function
from unit.jumping_loop import on_jumping_loop


class Scenario(World):
    """Steps that can be taken in any order; each picks whom it concerns by number."""

    def respond(self, number: int) -> None:
        agent = self.pick(number)
        if agent is not None and agent.environment.invocation is not None:
            if not agent.environment.is_finishing(0):
                agent.respond()
            agent.become_idle()

    def begin_to_finish(self, number: int) -> None:
        agent = self.pick(number)
        running = agent.environment.invocation if agent else None
        if agent is not None and running is not None and not agent.environment.is_finishing(0):
            agent.respond()

    def sigterm(self, number: int) -> None:
        agent = self.pick(number)
        if agent is not None:
            agent.leave()

    def lose(self, number: int) -> None:
        agent = self.pick(number)
        if agent is not None:
            self.agents.remove(agent)
            agent.hang_up()

    def abandon(self, number: int) -> None:
        if self.invocations:
            chosen = list(self.invocations.values())[number % len(self.invocations)]
            chosen.leave()

    def change(self, number: int) -> None:
        if self.function.ref in self.catalog:
            self.put(replace(self.function, memory_mb=128 + number))

    def remove(self, number: int) -> None:
        self.delete()
        if number % 2:
            self.recreate()

    def arrive(self, _: int) -> None:
        self.submit()

    def start(self, _: int) -> None:
        if self.function.ref in self.catalog:
            self.link()

    def pick(self, number: int) -> Agent | None:
        return self.agents[number % len(self.agents)] if self.agents else None

    def check(self) -> None:
        assert all(len(answers) <= 1 for answers in self.answers.values())
        pools = self.pools._pools.values()
        shared = self.pools._versions.values()
        assert all(one.in_flight <= RESERVED for one in shared)
        assert all(sum(one.in_flight for one in every.pools) <= every.in_flight for every in shared)
        unanswered = sum(not answers for answers in self.answers.values())
        finishing = sum(one.environment.is_finishing(0) for one in self.agents)
        assert unanswered == self.pools.in_flight() - finishing + self.count_parked()
        assert self.count_parked() <= finishing
        running = sum(one.environment.invocation is not None for one in self.agents)
        assert self.pools.in_flight() == running + sum(len(one.waiting) for one in pools)


class VersionsScenario(Scenario):
    """The same with $LATEST and two versions: all of it is one function's."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = 0
        self.recreate()

    def choose(self, number: int) -> Function | None:
        functions = list(self.catalog.values())
        return functions[number % len(functions)] if functions else None

    def arrive(self, number: int) -> None:
        self.submit(self.choose(number) or self.function)

    def start(self, number: int) -> None:
        function = self.choose(number)
        if function is not None:
            self.link(function)

    def change(self, number: int) -> None:
        function = self.choose(number)
        if function is not None:
            self.put(replace(function, memory_mb=128 + number))

    def remove(self, number: int) -> None:
        """A version, or the function, with which its versions go."""
        gone = [self.choose(number)] if number > 2 else list(self.catalog.values())
        for function in gone:
            if function is not None and function.version != LATEST:
                del self.catalog[function.ref]
                self.pools.remove(function.ref)
        if number <= 2:
            self.catalog.pop(REF, None)
            self.pools.remove(REF)
        if number % 2:
            self.recreate()

    def recreate(self) -> None:
        """What is not there is there again; a version as another object."""
        self.objects += 1
        owner = self.catalog.get(REF) or make_reserving_function(uid=f"owner-{self.objects}")
        self.put(owner)
        for number in (1, 2):
            version = make_version(
                number,
                uid=f"{number}-{self.objects}",
                function_uid=owner.uid,
                reserved_concurrency=RESERVED,
            )
            if version.ref not in self.catalog:
                self.put(version)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "arrive",
                "arrive",
                "arrive",
                "start",
                "start",
                "respond",
                "begin_to_finish",
                "lose",
                "abandon",
                "change",
                "remove",
                "sigterm",
            ]
        ),
        st.integers(0, 9),
    ),
    max_size=60,
)


async def run_steps(
    steps: list[tuple[str, int]], make: Callable[[], Scenario] = Scenario
) -> Scenario:
    scenario = make()
    for name, number in steps:
        getattr(scenario, name)(number)
        scenario.check()
    return scenario


@given(STEPS)
@settings(deadline=None)
def test_every_request_is_answered_once_or_in_flight_and_no_limit_is_exceeded(
    steps: list[tuple[str, int]],
) -> None:
    asyncio.run(run_steps(steps))


@given(STEPS)
@settings(deadline=None)
def test_the_same_holds_over_all_versions_of_a_function(steps: list[tuple[str, int]]) -> None:
    asyncio.run(run_steps(steps, VersionsScenario))


@given(STEPS)
@settings(deadline=None)
def test_once_everything_has_ended_nothing_of_any_version_is_left(
    steps: list[tuple[str, int]],
) -> None:
    async def run() -> None:
        scenario = await run_steps(steps, VersionsScenario)
        scenario.remove(0)
        for agent in scenario.agents:
            agent.hang_up()
        assert all(len(answers) == 1 for answers in scenario.answers.values())
        assert scenario.pools.in_flight() == 0
        assert (scenario.pools._pools, scenario.pools._versions) == ({}, {})

    asyncio.run(run())


async def test_an_event_goes_to_the_environment_that_was_used_last() -> None:
    world = World()
    first, second = world.link(), world.link()
    world.submit()
    assert (first.environment.state, second.environment.state) == ("idle", "busy")
    second.finish()
    world.submit()
    assert (first.environment.state, second.environment.state) == ("idle", "busy")


async def test_the_request_that_has_waited_longest_gets_the_environment_that_is_free_first() -> (
    None
):
    """Three environments are there, ten requests come: the rest are served as they get free."""
    world = World()
    world.put(make_reserving_function(reserved_concurrency=None))
    agents = [world.link() for _ in range(3)]
    for _ in range(10):
        world.submit()
    begun = [one.request_id for one in agents]
    for turn in range(7):
        agent = agents[(turn * 2) % 3]
        agent.finish()
        begun.append(agent.request_id)
    assert sorted(begun[:3]) == ["1", "2", "3"]
    assert begun[3:] == [str(number) for number in range(4, 11)]


async def test_the_controller_is_told_at_once_of_demand_and_not_of_each_event() -> None:
    world = World()
    agent = world.link()
    warm = world.notified
    assert warm > 0
    world.submit()
    agent.finish()
    assert world.notified == warm
    world.submit()
    world.submit()
    assert world.notified == warm + 1
    agent.finish()
    assert world.notified == warm + 2


async def test_a_throttled_request_leaves_no_trace() -> None:
    world = World()
    for _ in range(RESERVED + 2):
        world.submit()
    refused = [one for answers in world.answers.values() for one in answers]
    assert [one.reason for one in refused if isinstance(one, ApiError)] == [
        "ReservedFunctionConcurrentInvocationLimitExceeded"
    ] * 2
    assert world.pools.in_flight() == RESERVED


async def test_a_lost_environment_ends_its_request_as_killed() -> None:
    world = World()
    agent = world.link()
    world.submit()
    agent.hang_up()
    outcome = world.answer(1)
    assert isinstance(outcome, Outcome)
    assert b"signal: killed" in outcome.payload


@on_jumping_loop
async def test_a_request_that_follows_a_response_at_once_asks_for_no_environment() -> None:
    """The runtime is about to ask for its next event; the next but one request needs another."""
    world = World()
    agent = world.link()
    world.submit()
    agent.respond()
    world.submit()
    assert world.count_waiting() == 0
    world.submit()
    assert world.count_waiting() == 1
    await asyncio.sleep(FINISHING_S)
    assert world.count_waiting() == 2


@on_jumping_loop
async def test_a_request_over_the_limit_waits_a_moment_for_an_environment_that_has_answered() -> (
    None
):
    """One for each such environment; the rest are throttled at once."""
    world = World()
    agents = [world.link() for _ in range(RESERVED)]
    for _ in range(RESERVED):
        world.submit()
    agents[0].respond()
    parked = world.submit()
    assert world.count_parked() == 1
    world.submit()
    assert isinstance(world.answer(5), ApiError)
    agents[0].become_idle()
    assert world.count_parked() == 0
    assert agents[0].environment.invocation is parked


@on_jumping_loop
async def test_a_request_over_the_limit_is_throttled_when_the_moment_is_over() -> None:
    world = World()
    agents = [world.link() for _ in range(RESERVED)]
    for _ in range(RESERVED):
        world.submit()
    agents[0].respond()
    answered = asyncio.Event()
    world.submit(answered=answered)
    await answered.wait()
    assert world.answer(4).status == 429


async def test_what_waits_is_told_why_the_function_cannot_run() -> None:
    """Not after the whole time that an environment may take to start."""
    world = World()
    world.submit()
    assert not world.answers["1"]
    reason, message = "RuntimeNotFound", "there is no LambdaRuntime 'python9'"
    stalled = replace(world.function, ready=False, stalled_reason=reason, stalled_message=message)
    world.put(stalled)
    answer = world.answer(1)
    assert (answer.status, answer.code) == (502, "ResourceNotReadyException")
    assert message in answer.message
    assert world.pools.in_flight() == 0
