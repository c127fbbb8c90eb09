"""HelloDecider: which agents become environments, and that nothing an agent says moves the view."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.coordination.membership import Member, View
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.wire.frames import is_epoch_proved, prove_epoch
from kubelambda.gateway.link.hello import Hello, Identity
from kubelambda.gateway.link.hello_decider import HelloDecider
from kubelambda.gateway.link.hello_decision import (
    HelloDecision,
    Redirected,
    Refused,
    Retired,
    Welcomed,
)
from unit.functions import REF, make_function

KEY = b"k" * 32
OWN, OTHER = Member("a", "10.0.0.1:9001"), Member("b", "10.0.0.2:9001")
EPOCH = 1_700_000_000_000


class FixedView:
    """A membership whose view the test sets; remembers what was to move it."""

    def __init__(self) -> None:
        self.own = OWN
        self.view = View(EPOCH, (OWN,))
        self.proved: list[int] = []

    def find_owner(self, ref: FunctionRef) -> Member | None:
        return self.view.find_owner(ref)

    def is_credible(self, epoch: int) -> bool:
        return epoch < 2 * EPOCH

    def take_proved_epoch(self, epoch: int) -> None:
        self.proved.append(epoch)


class World:
    def __init__(self, park_s: float = 60.0) -> None:
        self.membership = FixedView()
        self.index = FunctionIndex()
        self.opened: list[Function] = []
        self.decided: list[HelloDecision] = []
        self.hello_decider = HelloDecider(
            self.index,
            self.membership,
            region="us-east-1",
            open_pool=self.opened.append,
            is_epoch_proved=lambda epoch, proof: is_epoch_proved(KEY, epoch, proof),
            park_s=park_s,
        )

    def greet(
        self,
        *,
        epoch: int = EPOCH,
        proof: str = "",
        answer: Callable[[HelloDecision], None] | None = None,
        **changes: Any,
    ) -> Hello:
        values: dict[str, Any] = {
            "ref": REF,
            "uid": "u",
            "pod": "p",
            "pod_uid": "pu",
            "revision": "r",
            "config_digest": make_function().config_digest,
        }
        state = changes.pop("state", "unconfigured")
        identity = Identity(**(values | changes))
        hello = Hello(identity, 1, "n", "p", state, "", epoch, proof)
        self.hello_decider.decide(hello, answer or self.decided.append)
        return hello


async def test_an_agent_of_a_known_function_is_welcomed_with_its_configuration() -> None:
    world = World()
    world.index.put(make_function())
    world.greet()
    (decision,) = world.decided
    assert isinstance(decision, Welcomed)
    assert decision.configure is not None
    assert world.opened


async def test_an_agent_of_another_gateways_function_is_sent_there() -> None:
    world = World()
    world.membership.view = View(EPOCH, (OTHER,))
    world.greet()
    assert world.decided == [Redirected(OTHER.address)]


async def test_an_agent_whose_function_is_not_known_yet_waits_for_it() -> None:
    world = World()
    world.greet()
    assert world.decided == []
    world.index.put(make_function())
    world.hello_decider.reconsider(REF)
    assert isinstance(world.decided[0], Welcomed)


async def test_an_agent_that_waits_too_long_is_told_to_come_again() -> None:
    world = World(park_s=0.0)
    world.greet()
    while not world.decided:
        await asyncio.sleep(0)
    assert isinstance(world.decided[0], Refused)
    world.hello_decider.reconsider_all()
    assert len(world.decided) == 1


@pytest.mark.parametrize("proof", ["", "0" * 64, prove_epoch(b"x" * 32, EPOCH + 9)])
async def test_an_epoch_that_only_the_agent_vouches_for_moves_nothing(proof: str) -> None:
    """F: a function pod's number. The agent waits, and is told to come again."""
    world = World()
    world.index.put(make_function())
    world.greet(epoch=EPOCH + 9, proof=proof)
    assert world.membership.proved == []
    assert world.decided == []


async def test_an_epoch_with_a_gateways_word_is_overtaken_and_its_agent_welcomed() -> None:
    world = World()
    world.index.put(make_function())
    world.greet(epoch=EPOCH + 9, proof=prove_epoch(KEY, EPOCH + 9))
    assert world.membership.proved == [EPOCH + 9]
    world.membership.view = View(EPOCH + 10, (OWN,))
    world.hello_decider.reconsider_all()
    assert isinstance(world.decided[0], Welcomed)


async def test_an_agent_that_waits_is_welcomed_when_the_view_has_caught_up() -> None:
    """The view came by a heartbeat: nothing that the agent said was needed."""
    world = World()
    world.index.put(make_function())
    world.greet(epoch=EPOCH + 9)
    world.membership.view = View(EPOCH + 9, (OWN,))
    world.hello_decider.reconsider_all()
    assert isinstance(world.decided[0], Welcomed)


@pytest.mark.parametrize("state", ["unconfigured", "idle", "busy"])
async def test_an_agent_that_obeyed_an_epoch_of_no_gateway_ends(state: str) -> None:
    """It would obey nobody any more; its environment is made anew. A hostile one gains nothing."""
    world = World()
    world.index.put(make_function())
    world.greet(epoch=2**60, proof=prove_epoch(KEY, 2**60), state=state)
    assert world.decided == [Retired()]
    assert world.membership.proved == []
    assert world.opened == []


async def test_an_agent_that_hung_up_is_not_answered_and_those_beside_it_are() -> None:
    world = World(park_s=0.0)
    gone = world.greet(pod="gone")
    world.greet(pod="waiting")
    world.hello_decider.forget(gone)
    world.hello_decider.forget(gone)
    await asyncio.sleep(0.01)
    assert len(world.decided) == 1
    world.index.put(make_function())
    world.hello_decider.reconsider(REF)
    assert len(world.decided) == 1
    assert not world.hello_decider._parked


async def test_an_agent_is_answered_once_whatever_happens_afterwards() -> None:
    world = World(park_s=0.0)
    world.greet()
    world.index.put(make_function())
    world.hello_decider.reconsider(REF)
    world.hello_decider.reconsider_all()
    await asyncio.sleep(0.01)
    assert len(world.decided) == 1
    assert not world.hello_decider._parked


async def test_an_answer_that_fails_takes_no_other_agents_answer_with_it() -> None:
    """It was lost with the others' places in the queue, and they waited for ever."""

    def fail(_: HelloDecision) -> None:
        raise ConnectionError("broken")

    world = World(park_s=0.0)
    world.greet(pod="broken", answer=fail)
    world.greet(pod="waiting")
    world.index.put(make_function())
    with pytest.raises(ConnectionError):
        world.hello_decider.reconsider(REF)
    await asyncio.sleep(0.01)
    (decision,) = world.decided
    assert isinstance(decision, Refused)
    assert not world.hello_decider._parked


async def test_an_agent_that_hangs_up_while_another_is_answered_is_not_answered_itself() -> None:
    world = World()
    waiting: list[Hello] = []

    def hang_up_the_other(decision: HelloDecision) -> None:
        world.decided.append(decision)
        world.hello_decider.forget(waiting[1])

    waiting.append(world.greet(pod="first", answer=hang_up_the_other))
    waiting.append(world.greet(pod="second"))
    world.index.put(make_function())
    world.hello_decider.reconsider(REF)
    assert len(world.decided) == len(world.opened) == 1


async def test_an_answer_that_changes_the_catalog_answers_nobody_twice() -> None:
    world = World()

    def reconsider(decision: HelloDecision) -> None:
        world.decided.append(decision)
        world.hello_decider.reconsider(REF)

    world.greet(pod="first", answer=reconsider)
    world.greet(pod="second")
    world.index.put(make_function())
    world.hello_decider.reconsider(REF)
    assert len(world.decided) == len(world.opened) == 2


async def test_what_another_function_waits_for_stays_parked() -> None:
    world = World()
    world.greet(ref=FunctionRef("shop", "other"), uid="other")
    world.greet()
    world.index.put(make_function())
    world.hello_decider.reconsider_all()
    assert len(world.decided) == 1
    assert list(world.hello_decider._parked) == [FunctionRef("shop", "other")]
