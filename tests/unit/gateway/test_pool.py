"""Pools: nothing is lost, no limit is exceeded, whatever the order of events.

accepted = answered + in flight, and what is in flight never exceeds the reservation.
"""

import asyncio
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubelambda.core.errors import ApiError
from kubelambda.core.frames import FrameType, encode_control
from kubelambda.core.function import Code, Function, FunctionRef
from kubelambda.core.invocation import Outcome
from kubelambda.gateway.environment import FINISHING_S, Environment, Identity
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.pool import Pools

RESERVED = 3
REF = FunctionRef("shop", "hello")


def make_function(memory_mb: int = 128) -> Function:
    return Function(
        ref=REF,
        uid="u",
        function_name="hello",
        account_id="1",
        runtime="python3.13",
        handler="app.h",
        code=Code(inline={}),
        memory_mb=memory_mb,
        reserved_concurrency=RESERVED,
    )


class Alone:
    """No other gateway holds anything."""

    def count_function(self, ref: FunctionRef, heard: int) -> int:
        return 0

    def count_account(self, account_id: str) -> int:
        return 0


class World:
    """Pools with environments whose agents answer when the scenario says so."""

    def __init__(self) -> None:
        self.notified = 0
        self.pools = Pools(start_wait_s=60, notify=self.note, elsewhere=Alone())
        self.function = make_function()
        self.answers: dict[str, list[Any]] = {}
        self.invocations: dict[str, Invocation] = {}
        self.environments: list[Environment] = []
        self.count = 0

    def note(self, _: FunctionRef) -> None:
        self.notified += 1

    def submit(self) -> None:
        self.count += 1
        request_id = str(self.count)
        answers = self.answers[request_id] = []
        invocation = Invocation(
            request_id=request_id,
            function=self.function,
            qualifier="",
            invoked_arn="arn",
            payload=b"{}",
            trace_id="",
            client_context="",
            wants_tail=False,
            answer=answers.append,
        )
        self.invocations[request_id] = invocation
        self.pools.submit(invocation)

    def link(self) -> None:
        identity = Identity(REF, "u", f"pod-{self.count}", "p", "r", self.function.config_digest)
        self.pools.open(self.function)
        environment = Environment(identity, self.pools, lambda _: None, lambda: None)
        self.environments.append(environment)
        self.pools.attach(environment)
        environment.receive(FrameType.INIT_DONE, b"{}")

    def respond(self, number: int, *, idle: bool = True) -> None:
        environment = self.pick(number)
        invocation = environment.invocation if environment else None
        if environment is None or invocation is None:
            return
        fields = {"requestId": invocation.request_id}
        if not environment.is_finishing(0):
            for kind in (FrameType.RESPONSE, FrameType.RESPONSE_END):
                environment.receive(kind, encode_control(kind, fields)[5:])
        if idle:
            self.become_idle(number)

    def become_idle(self, number: int) -> None:
        environment = self.pick(number)
        if environment is not None and environment.invocation is not None:
            fields = {"requestId": environment.invocation.request_id}
            environment.receive(FrameType.IDLE, encode_control(FrameType.IDLE, fields)[5:])

    def count_waiting(self) -> int:
        reports = (self.pools.report_of(ref) for ref in self.pools.refs())
        return sum(one.waiting for one in reports if one is not None)

    def lose(self, number: int) -> None:
        environment = self.pick(number)
        if environment is not None:
            self.environments.remove(environment)
            environment.lost()
            self.pools.detach(environment)

    def abandon(self, number: int) -> None:
        if self.invocations:
            chosen = list(self.invocations.values())[number % len(self.invocations)]
            chosen.leave()

    def change(self, number: int) -> None:
        self.function = make_function(128 + number)
        self.pools.update(self.function)

    def pick(self, number: int) -> Environment | None:
        return self.environments[number % len(self.environments)] if self.environments else None

    def finish(self, number: int) -> None:
        self.respond(number, idle=False)

    def check(self) -> None:
        assert all(len(answers) <= 1 for answers in self.answers.values())
        assert self.pools.in_flight() <= RESERVED
        unanswered = sum(not answers for answers in self.answers.values())
        finishing = sum(one.is_finishing(0) for one in self.environments)
        parked = self.count_parked()
        assert unanswered == self.pools.in_flight() - finishing + parked
        assert parked <= finishing

    def count_parked(self) -> int:
        return sum(len(one.parked) for one in self.pools._pools.values())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["submit", "submit", "link", "respond", "finish", "lose", "abandon", "change"]
        ),
        st.integers(0, 9),
    ),
    max_size=40,
)


async def run_steps(steps: list[tuple[str, int]]) -> World:
    world = World()
    for name, number in steps:
        step = getattr(world, name)
        if name in ("submit", "link"):
            step()
        else:
            step(number)
        world.check()
    return world


@given(STEPS)
@settings(deadline=None)
def test_every_request_is_answered_once_or_in_flight_and_no_limit_is_exceeded(
    steps: list[tuple[str, int]],
) -> None:
    asyncio.run(run_steps(steps))


def test_an_event_goes_to_the_environment_that_was_used_last() -> None:
    async def scenario() -> None:
        world = await run_steps([("link", 0), ("link", 0), ("submit", 0), ("respond", 1)])
        world.submit()
        assert [one.state for one in world.environments] == ["idle", "busy"]

    asyncio.run(scenario())


def test_the_controller_is_told_at_once_of_demand_and_not_of_each_event() -> None:
    async def scenario() -> None:
        world = await run_steps([("link", 0)])
        warm = world.notified
        assert warm > 0
        world.submit()
        world.respond(0)
        assert world.notified == warm
        world.submit()
        world.submit()
        assert world.notified == warm + 1
        world.respond(0)
        assert world.notified == warm + 2

    asyncio.run(scenario())


def test_a_throttled_request_leaves_no_trace() -> None:
    async def scenario() -> None:
        world = await run_steps([("submit", 0)] * (RESERVED + 2))
        refused = [one for answers in world.answers.values() for one in answers]
        assert [one.reason for one in refused if isinstance(one, ApiError)] == [
            "ReservedFunctionConcurrentInvocationLimitExceeded"
        ] * 2
        assert world.pools.in_flight() == RESERVED

    asyncio.run(scenario())


def test_a_lost_environment_ends_its_request_as_killed() -> None:
    async def scenario() -> None:
        world = await run_steps([("link", 0), ("submit", 0), ("lose", 0)])
        (outcome,) = world.answers["1"]
        assert isinstance(outcome, Outcome)
        assert b"signal: killed" in outcome.payload

    asyncio.run(scenario())


def test_a_request_that_follows_a_response_at_once_asks_for_no_environment() -> None:
    """The runtime is about to ask for its next event; the next but one request needs another."""

    async def scenario() -> None:
        world = await run_steps([("link", 0), ("submit", 0)])
        world.respond(0, idle=False)
        world.submit()
        assert world.count_waiting() == 0
        world.submit()
        assert world.count_waiting() == 1
        await asyncio.sleep(FINISHING_S)
        assert world.count_waiting() == 2

    asyncio.run(scenario())


def test_a_request_over_the_limit_waits_a_moment_for_an_environment_that_has_answered() -> None:
    """One for each such environment; the rest are throttled at once."""

    async def scenario() -> None:
        world = await run_steps([("link", 0)] * RESERVED + [("submit", 0)] * RESERVED)
        world.respond(0, idle=False)
        world.submit()
        assert world.count_parked() == 1
        world.submit()
        (refused,) = world.answers["5"]
        assert isinstance(refused, ApiError)
        world.become_idle(0)
        assert world.count_parked() == 0
        assert world.environments[0].invocation is world.invocations["4"]

    asyncio.run(scenario())


def test_a_request_over_the_limit_is_throttled_when_the_moment_is_over() -> None:
    async def scenario() -> None:
        world = await run_steps([("link", 0)] * RESERVED + [("submit", 0)] * RESERVED)
        world.respond(0, idle=False)
        world.submit()
        await asyncio.sleep(2 * FINISHING_S)
        (refused,) = world.answers["4"]
        assert isinstance(refused, ApiError)
        assert refused.status == 429

    asyncio.run(scenario())


async def test_what_waits_is_told_why_the_function_cannot_run() -> None:
    """Not after the whole time that an environment may take to start."""
    world = World()
    world.submit()
    assert not world.answers["1"]
    reason, message = "ContainerConfigError", "there is no Secret 'db'"
    world.pools.update(
        replace(world.function, ready=False, stalled_reason=reason, stalled_message=message)
    )
    (answer,) = world.answers["1"]
    assert isinstance(answer, ApiError)
    assert (answer.status, answer.code) == (502, "ResourceNotReadyException")
    assert message in answer.message
    assert world.pools.in_flight() == 0
