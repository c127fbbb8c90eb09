"""A link may end after any step of an agent's life: nothing is left, and the agent may return.

Each case takes the steps of a life one by one, and cuts the link after each of them.
"""

import asyncio
import logging
from collections.abc import Callable

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.coordination.membership import Member, View
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.frames import WINDOW_BYTES, FrameType, encode_credit, encode_frame
from kubelambda.gateway.link.connection import AUTHENTICATE_S
from kubelambda.gateway.link.hello_decider import PARK_S, HelloDecider
from kubelambda.gateway.link.hello_decision import HelloDecision, Redirected, Refused, Retired
from unit.functions import make_function
from unit.gateway.link.fake_agent import (
    IDLE,
    UPGRADE,
    FakeAgent,
    FakeGateway,
    make_invocation,
)
from unit.jumping_loop import run_jumping

OWN = Member("a", "10.0.0.1:9001")
EVENT = {"requestId": "r-1"}


class OnlyGateway:
    """The ownership of a gateway that is alone."""

    own = OWN
    view = View(1, (OWN,))

    def find_owner(self, ref: FunctionRef) -> Member | None:
        return OWN

    def is_credible(self, epoch: int) -> bool:
        return True

    def take_proved_epoch(self, epoch: int) -> None:
        raise AssertionError("no agent here knows more")


class Life:
    """One agent after another at one gateway whose catalog learns of the function in time."""

    def __init__(self, state: str = "unconfigured") -> None:
        self.index = FunctionIndex()
        self.decider = HelloDecider(
            self.index,
            OnlyGateway(),
            region="us-east-1",
            open_pool=lambda _: None,
            is_epoch_proved=lambda epoch, proof: False,
        )
        self.gateway = FakeGateway(decider=self.decider)
        self.answers: list[Outcome | ApiError | Dropped] = []
        self.released = 0
        self.agent = FakeAgent(self.gateway)
        self._state = state

    # steps

    def send_half_the_upgrade(self) -> None:
        self.agent.link.data_received(UPGRADE[:30])

    def send_the_other_half(self) -> None:
        self.agent.link.data_received(UPGRADE[30:])

    def greet(self) -> None:
        """Parked, as long as the catalog does not know the function."""
        digest = make_function().config_digest
        self.agent.greet(
            state=f'"{self._state}"', requestId='"r-1"', configDigest=f'"{digest}"', epoch="1"
        )

    def publish_the_function(self) -> None:
        self.index.put(make_function())
        self.decider.reconsider(make_function().ref)

    def end_init(self) -> None:
        self.agent.send(FrameType.INIT_DONE, {"initMs": 1})

    def be_invoked(self) -> None:
        invocation = make_invocation(self.answers.append)
        invocation.slot = self
        self.agent.environment.invoke(invocation)

    def begin_the_response(self) -> None:
        self.agent.send(FrameType.RESPONSE, EVENT | {"functionError": False})

    def send_its_body(self) -> None:
        self.agent.link.data_received(encode_frame(FrameType.RESPONSE_BODY, b'"done"'))

    def end_the_response(self) -> None:
        self.agent.send(FrameType.RESPONSE_END, EVENT)

    def become_idle(self) -> None:
        self.agent.send(FrameType.IDLE, IDLE)

    def leave(self) -> None:
        self.agent.send(FrameType.LEAVING, {})

    # and after each of them

    def assert_nothing_is_left(self) -> None:
        links = self.gateway.links
        assert not links.authenticated
        assert not links.unauthenticated_by_address
        assert not links.links_by_uid
        assert self.gateway.attached == self.gateway.detached
        assert all(one.invocation is None for one in self.gateway.detached)
        assert not links.deadlines._late_at
        of_the_gateway = links.deadlines._timer is not None
        assert count_timers() == of_the_gateway, "at most the one look at all deadlines"

    def return_again(self) -> None:
        self.agent, self._state = FakeAgent(self.gateway), "unconfigured"
        for step in FRESH:
            step(self)
        assert not self.agent.transport.ended
        assert self.agent.environment.state == "idle"
        self.agent.hang_up()

    def release(self) -> None:
        self.released += 1


Step = Callable[[Life], None]
UPGRADED: list[Step] = [Life.send_half_the_upgrade, Life.send_the_other_half]
SERVED: list[Step] = [
    Life.be_invoked,
    Life.begin_the_response,
    Life.send_its_body,
    Life.end_the_response,
    Life.become_idle,
]
FRESH: list[Step] = [
    *UPGRADED,
    Life.greet,
    Life.publish_the_function,
    Life.end_init,
    *SERVED,
    Life.leave,
]
RETURNED: list[Step] = [*UPGRADED, Life.greet, Life.publish_the_function, *SERVED, Life.leave]
LIVES = {
    "a new agent": ("unconfigured", FRESH),
    "an agent that returns in the middle of its init": ("starting", FRESH),
    "an agent that returns with a running event": ("busy", RETURNED),
    "an agent that returns idle": ("idle", RETURNED),
}
CUTS = [
    pytest.param(state, steps[:count], id=f"{name}, {count} steps")
    for name, (state, steps) in LIVES.items()
    for count in range(len(steps) + 1)
]


def count_timers() -> int:
    """Timers that would still do something."""
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
    return sum(not one.cancelled() for one in scheduled)


@pytest.mark.parametrize(("state", "steps"), CUTS)
def test_nothing_is_left_of_a_link_that_ends_after_any_step(state: str, steps: list[Step]) -> None:
    async def live() -> None:
        life = Life(state)
        for step in steps:
            step(life)
        assert not life.agent.transport.ended
        life.agent.hang_up()
        life.assert_nothing_is_left()
        begun = steps.count(Life.be_invoked)
        assert len(life.answers) == life.released == begun, "answered once, its slot given back"
        linked = len(life.gateway.attached)
        life.publish_the_function()
        assert len(life.gateway.attached) == linked, "whoever waited for the catalog has hung up"
        life.return_again()
        life.assert_nothing_is_left()
        await asyncio.sleep(make_function().timeout_s + 1)
        assert count_timers() == 0

    run_jumping(live())


@pytest.mark.parametrize("state", ["unconfigured", "idle"])
def test_an_agent_that_waits_for_the_catalog_costs_nothing_once_it_was_told_to_come_again(
    state: str,
) -> None:
    async def live() -> None:
        life = Life(state)
        for step in (*UPGRADED, Life.greet):
            step(life)
        await asyncio.sleep(PARK_S + 0.1)
        assert FrameType.REFUSE in dict(life.agent.said())
        assert life.agent.transport.ended
        life.agent.hang_up()
        life.assert_nothing_is_left()
        life.return_again()
        life.assert_nothing_is_left()

    run_jumping(live())


@pytest.mark.parametrize("steps", [0, 1, 2], ids=["dialled", "half an upgrade", "upgraded"])
def test_a_peer_that_does_not_prove_itself_in_time_is_cut_off(steps: int) -> None:
    async def live() -> None:
        life = Life()
        for step in UPGRADED[:steps]:
            step(life)
        await asyncio.sleep(AUTHENTICATE_S + 0.1)
        assert life.agent.transport.ended
        life.agent.hang_up()
        life.assert_nothing_is_left()

    run_jumping(live())


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (Refused("not now", 100), FrameType.REFUSE),
        (Redirected("10.0.0.2:9001"), FrameType.REDIRECT),
        (Retired(), FrameType.DRAIN),
    ],
    ids=["refused", "redirected", "retired"],
)
async def test_an_agent_that_is_sent_away_leaves_nothing(
    decision: HelloDecision, said: FrameType
) -> None:
    agent = FakeAgent(FakeGateway(decision)).upgrade()
    agent.greet()
    assert said in dict(agent.said())
    agent.hang_up()
    assert not agent.gateway.links.authenticated
    assert not agent.gateway.links.links_by_uid
    assert agent.gateway.attached == []
    assert count_timers() == 0


async def test_a_proof_without_a_key_proves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A key generation that does not exist has no key; an empty proof once passed for its proof."""
    agent = FakeAgent().upgrade()
    with caplog.at_level(logging.WARNING):
        agent.greet(keyGeneration="99", proof='""')
    assert agent.gateway.hellos == []
    assert agent.transport.ended
    assert "the proof is wrong" in caplog.text
    agent.hang_up()
    assert not agent.gateway.links.unauthenticated_by_address


async def test_an_event_that_ended_before_it_was_sent_whole_is_not_sent_later() -> None:
    agent = FakeAgent().upgrade()
    agent.greet()
    agent.send(FrameType.INIT_DONE, {"initMs": 1})
    invocation = make_invocation(lambda _: None, b"x" * (2 * WINDOW_BYTES))
    agent.environment.invoke(invocation)
    agent.send(FrameType.IDLE, IDLE)
    written = len(agent.transport.written)
    agent.link.data_received(encode_credit(WINDOW_BYTES))
    assert len(agent.transport.written) == written
    agent.hang_up()
