"""Router: an event is handed over once, and never again once it may have begun."""

from collections.abc import Callable

from kubelambda.core.coordination.membership import Member, View
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.relay import HOPS_MAX
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.peers.relay import RelayFailure
from kubelambda.gateway.peers.router import TRIES_MAX, Router
from unit.gateway.peers.relaying import OWNER, Asked

OWN = Member("own", "127.0.0.1:2")


class World:
    """A router among fakes: the view, the pools, and a forwarder that does as the test says."""

    def __init__(self, owner: Member | None) -> None:
        self.own = OWN
        self.view = View(7, ())
        self.owner = owner
        self.suspected: list[Member] = []
        self.pooled: list[Invocation] = []
        self.relayed: list[tuple[Invocation, Member, int, Callable[[RelayFailure], None]]] = []
        self.delays: list[float] = []
        self.router = Router(self, self, self)  # type: ignore[arg-type]

    def find_owner(self, ref: FunctionRef) -> Member | None:
        return self.owner

    def suspect(self, member: Member) -> None:
        self.suspected.append(member)

    def submit(self, invocation: Invocation) -> None:
        self.pooled.append(invocation)

    def forward(
        self,
        invocation: Invocation,
        owner: Member,
        epoch: int,
        on_failure: Callable[[RelayFailure], None],
    ) -> None:
        self.relayed.append((invocation, owner, epoch, on_failure))

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        self.delays.append(delay_s)
        call()

    def fail(self, *, unreachable: bool = True) -> None:
        *_, on_failure = self.relayed[-1]
        on_failure(RelayFailure(OWNER, "the connection was lost", unreachable))


def test_an_own_function_goes_to_the_pools_and_anothers_to_its_owner() -> None:
    world = World(OWN)
    world.router.submit(Asked().invocation)
    assert (len(world.pooled), world.relayed) == (1, [])
    world = World(OWNER)
    world.router.submit(Asked().invocation)
    assert [(owner, epoch) for _, owner, epoch, _ in world.relayed] == [(OWNER, 7)]


def test_without_a_view_nothing_is_run_and_the_caller_may_come_again() -> None:
    world, asked = World(None), Asked()
    world.router.submit(asked.invocation)
    assert [one.status for one in asked.answers if isinstance(one, ApiError)] == [503]


def test_an_event_that_was_relayed_before_is_not_relayed_again() -> None:
    world, asked = World(OWNER), Asked(hops=HOPS_MAX)
    world.router.submit(asked.invocation)
    assert [one.status for one in asked.answers if isinstance(one, ApiError)] == [421]


def test_a_relay_that_failed_before_the_event_began_is_tried_with_the_view_of_then() -> None:
    world, asked = World(OWNER), Asked()
    world.router.submit(asked.invocation)
    world.owner = OWN
    world.fail()
    assert world.suspected == [OWNER]
    assert world.pooled == [asked.invocation]
    assert world.delays == [0.25]


def test_an_event_that_had_begun_is_never_sent_again() -> None:
    """P1: one execution at most; the caller's connection closes."""
    world, asked = World(OWNER), Asked()
    world.router.submit(asked.invocation)
    asked.invocation.begin()
    world.fail()
    assert asked.answers == [Dropped()]
    assert len(world.relayed) == 1


def test_an_owner_that_answers_otherwise_is_not_suspected_of_being_dead() -> None:
    world = World(OWNER)
    world.router.submit(Asked().invocation)
    world.fail(unreachable=False)
    assert world.suspected == []
    assert len(world.relayed) == 2


def test_tries_end_and_the_caller_is_told_whose_gateway_is_silent() -> None:
    world, asked = World(OWNER), Asked()
    world.router.submit(asked.invocation)
    while not asked.answers:
        world.fail()
    assert len(world.relayed) == TRIES_MAX
    (answer,) = asked.answers
    assert isinstance(answer, ApiError)
    assert (answer.status, OWNER.name in answer.message) == (503, True)


def test_an_event_that_was_answered_meanwhile_goes_nowhere() -> None:
    world, asked = World(OWNER), Asked()
    world.router.submit(asked.invocation)
    asked.invocation.finish(Outcome(b"1"))
    world.fail()
    assert len(world.relayed) == 1
    assert len(asked.answers) == 1
