"""Membership: what it does with heartbeats, agents and its own clock (rules of core.membership)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from kubelambda.core.coordination.membership import EPOCH_AHEAD_MS, Heartbeat, Member, View
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.frames import is_epoch_proved, prove_epoch
from kubelambda.gateway.peers.membership import HEARD_S, Membership, PeerUnreachableError
from unit.jumping_loop import run_jumping

NOW_MS = 1_700_000_000_000
REF = FunctionRef("shop", "hello")
KEY = b"k" * 32


class NoLoad:
    def in_flight_by_function(self) -> Mapping[FunctionRef, int]:
        return {}

    def in_flight_by_account(self) -> Mapping[str, int]:
        return {}


@dataclass(slots=True)
class Network:
    """Gateways that exchange heartbeats by a call, as long as the network says so."""

    running: dict[str, Membership] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    now_ms: int = NOW_MS
    stop_at: int | None = None
    """The exchange that is cancelled in the middle, counted from 1."""
    exchanges: int = 0
    stop_search: bool = False
    """Whether the search for other gateways is cancelled."""

    def add(self, name: str, *, alone: bool = False) -> Membership:
        membership = Membership(
            Member(name, name),
            sender=self,
            find_peers=None if alone else self.find,
            load=NoLoad(),
            is_ready=lambda: True,
            on_change=lambda: self.changes.append(name),
            on_dead=self.dead.append,
            now_ms=lambda: self.now_ms,
        )
        self.running[name] = membership
        return membership

    async def find(self) -> Sequence[str]:
        if self.stop_search:
            raise asyncio.CancelledError
        return list(self.running)

    async def exchange(self, address: str, heartbeat: Heartbeat) -> Heartbeat:
        self.exchanges += 1
        if self.exchanges == self.stop_at:
            raise asyncio.CancelledError
        other = self.running.get(address)
        if other is None:
            raise PeerUnreachableError("nobody listens", refused=True)
        return other.answer(heartbeat)

    async def agree(self, *names: str) -> View:
        """Let all run until they hold one view with just these members."""
        tasks = [asyncio.create_task(one.run()) for one in self.running.values()]
        try:
            async with asyncio.timeout(20):
                while True:
                    views = {one.view for one in self.running.values()}
                    members = [one.name for one in next(iter(views)).members]
                    if len(views) == 1 and members == sorted(names):
                        return views.pop()
                    await asyncio.sleep(0.01)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def poisoned(sender: str, *members: str, epoch: int = 2**60) -> Heartbeat:
    """What a gateway of the release before says once an agent has fed it a number."""
    view = View(epoch, tuple(Member(one, one) for one in members))
    return Heartbeat(Member(sender, sender), view, serving=True, format=0)


async def test_two_gateways_find_each_other_and_agree() -> None:
    network = Network()
    network.add("a"), network.add("b")
    view = await network.agree("a", "b")
    assert view.epoch >= NOW_MS
    assert {one.find_owner(REF) for one in network.running.values()} != {None}


async def test_m3_a_proved_epoch_is_overtaken_even_by_a_lone_gateway_with_a_clock_behind() -> None:
    """All gateways restarted, and the new one's clock is behind the former one's."""
    former = Network().add("a", alone=True)
    former.start()
    proof = prove_epoch(KEY, former.view.epoch)
    network = Network(now_ms=NOW_MS - 5_000)
    restarted = network.add("a", alone=True)
    restarted.start()
    assert restarted.view.epoch < former.view.epoch, "agents obey no such gateway"
    assert is_epoch_proved(KEY, former.view.epoch, proof)
    restarted.take_proved_epoch(former.view.epoch)
    await asyncio.sleep(0)
    assert restarted.view.epoch == former.view.epoch + 1
    assert network.changes == ["a", "a"]


async def test_m3_all_gateways_restarted_are_above_what_they_said_before_by_the_clock_alone() -> (
    None
):
    former = Network().add("a", alone=True)
    former.start()
    restarted = Network(now_ms=NOW_MS + 1_000).add("a", alone=True)
    restarted.start()
    assert restarted.view.epoch > former.view.epoch


async def test_m6_an_epoch_that_no_gateway_makes_changes_nothing_even_with_a_proof() -> None:
    network = Network()
    membership = network.add("a", alone=True)
    membership.start()
    before = membership.view
    membership.take_proved_epoch(2**60)
    membership.take_proved_epoch(NOW_MS + EPOCH_AHEAD_MS + 1)
    await asyncio.sleep(0)
    assert membership.view == before
    assert not membership.is_credible(2**60)


async def test_m6_a_poisoned_heartbeat_spreads_no_further_and_its_sender_still_counts() -> None:
    network = Network()
    leader = network.add("a", alone=True)
    leader.start()
    leader.hear(poisoned("b", "a", "b"))
    assert leader.view.epoch < NOW_MS + 10
    assert [one.name for one in leader.view.members] == ["a", "b"]
    before = leader.view
    leader.hear(poisoned("b", "a", "b"))
    assert leader.view == before, "no new view at each heartbeat"
    assert leader.answer(poisoned("b", "a", "b")).view == before


async def test_m6_a_rollout_out_of_a_poisoned_view_serves_all_along() -> None:
    """b is of this release, a still of the one before: b serves; then a is new, too."""
    network = Network()
    follower = network.add("b", alone=True)
    follower.hear(poisoned("a", "a", "b"))
    assert [one.name for one in follower.view.members] == ["a", "b"]
    assert follower.view.epoch == NOW_MS
    network = Network()
    network.add("a"), network.add("b")
    network.running["b"].hear(poisoned("a", "a", "b"))
    view = await network.agree("a", "b")
    assert view.epoch < NOW_MS + 100


@pytest.mark.parametrize("step", range(1, 5))
async def test_a_run_that_is_stopped_at_any_exchange_and_started_again_agrees(step: int) -> None:
    network = Network(stop_at=step)
    stopped = network.add("a")
    network.add("b")
    for _ in range(3):
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            async with asyncio.timeout(0.2):
                await stopped.run()
    network.stop_at = None
    await network.agree("a", "b")


async def test_a_run_that_is_stopped_in_its_search_and_started_again_agrees() -> None:
    network = Network(stop_search=True)
    stopped = network.add("a")
    network.add("b")
    with pytest.raises(asyncio.CancelledError):
        await stopped.run()
    assert stopped.view == View(), "who has not looked for others does not serve"
    network.stop_search = False
    await network.agree("a", "b")


@pytest.mark.parametrize("step", [1, 2])
async def test_a_gateway_that_is_stopped_while_it_leaves_gives_nothing_back(step: int) -> None:
    """It has said that it leaves to some or to none; what it says from then on is no other."""
    network = Network()
    for name in ("a", "b", "c"):
        network.add(name)
    await network.agree("a", "b", "c")
    network.stop_at = network.exchanges + step
    with pytest.raises(asyncio.CancelledError):
        await network.running["a"].leave()
    network.stop_at = None
    await network.agree("b", "c")
    assert network.running["a"].find_owner(REF) != Member("a", "a")


async def test_a_gateway_that_nobody_answers_for_is_dead_at_once() -> None:
    network = Network()
    network.add("a"), network.add("b")
    await network.agree("a", "b")
    del network.running["b"]
    await network.agree("a")
    assert network.dead == ["b"]


async def test_a_gateway_that_leaves_tells_the_others_before_it_goes() -> None:
    network = Network()
    network.add("a"), network.add("b")
    await network.agree("a", "b")
    await network.running["a"].leave()
    view = network.running["b"].view
    assert [one.name for one in view.members] == ["b"]
    assert network.running["b"].find_owner(REF) == Member("b", "b")


async def test_waiting_for_an_epoch_ends_with_the_view_or_with_the_time() -> None:
    network = Network()
    membership = network.add("a", alone=True)
    waiting = asyncio.create_task(membership.wait_for_epoch(NOW_MS, 60.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    membership.start()
    async with asyncio.timeout(30):
        await waiting
    assert membership.view.epoch == NOW_MS
    await membership.wait_for_epoch(NOW_MS + 1, 0.01)
    assert membership.view.epoch == NOW_MS


def test_m7_a_gateway_that_stood_still_counts_as_dead_until_a_later_round_has_ended() -> None:
    """A round that was under way at that time says nothing of what happened since."""

    async def stand_still() -> None:
        network = Network()
        one = network.add("a")
        assert one.may_count_as_dead
        task = asyncio.create_task(one.run())
        await one.wait_until_heard(1)
        assert not one.may_count_as_dead
        task.cancel()
        await asyncio.sleep(HEARD_S - 0.1)
        assert not one.may_count_as_dead
        await asyncio.sleep(0.2)
        assert one.may_count_as_dead
        asked_at = asyncio.get_running_loop().time()
        await one.wait_until_heard(2)
        assert asyncio.get_running_loop().time() == pytest.approx(asked_at + 2)
        task = asyncio.create_task(one.run())
        await one.wait_until_heard(2)
        assert not one.may_count_as_dead
        task.cancel()

    run_jumping(stand_still())


async def test_m7_a_gateway_that_has_no_others_never_counts_as_dead() -> None:
    assert not Network().add("a", alone=True).may_count_as_dead
