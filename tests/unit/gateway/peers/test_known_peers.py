"""KnownPeers: what other gateways hold is counted as long as it may still run (M5)."""

import pytest

from kubelambda.core.coordination.membership import DEAD_S, UNHEARD_S, Heartbeat, Member, View
from kubelambda.core.model.function import FunctionRef
from kubelambda.gateway.peers.known_peers import FORMER_S_MAX, KnownPeers

REF = FunctionRef("shop", "hello")


class World:
    def __init__(self) -> None:
        self.now = 1_000.0
        self.peers = KnownPeers(lambda: self.now)

    def hear(self, name: str, in_flight: int = 0, *, incarnation: int = 1) -> None:
        self.peers.hear(
            Heartbeat(
                Member(name, f"{name}:1"),
                View(),
                serving=True,
                in_flight={REF: in_flight},
                accounts={"1": in_flight},
                incarnation=incarnation,
            )
        )

    def count(self, heard: int = 0) -> int:
        return self.peers.count_function(REF, heard)


def test_without_other_gateways_nothing_is_counted() -> None:
    world = World()
    assert (world.count(), world.peers.count_account("1")) == (0, 0)


def test_the_latest_heartbeat_of_each_gateway_counts() -> None:
    world = World()
    world.hear("b", 5), world.hear("c", 1), world.hear("b", 2)
    assert (world.count(), world.peers.count_account("1")) == (3, 3)
    assert world.peers.count_account("2") == 0
    assert "b" in world.peers
    assert "a" not in world.peers


def test_m5_what_a_silent_gateway_had_counts_until_its_environments_have_had_time_to_come() -> None:
    world = World()
    world.hear("b", 5)
    world.now += DEAD_S + UNHEARD_S - 0.1
    assert world.peers.list_living() == []
    assert (world.count(), world.count(heard=2), world.count(heard=9)) == (5, 3, 0)
    world.now += 0.2
    assert world.count() == 0


@pytest.mark.parametrize("end", ["it has restarted", "nobody listens there"])
def test_m5_what_a_former_self_held_counts_as_that_of_a_silent_gateway(end: str) -> None:
    world = World()
    world.hear("b", 5)
    if end == "it has restarted":
        world.hear("b", 1, incarnation=2)
        assert world.count() == 6
    else:
        world.peers.mark_dead("b:1")
        assert world.count() == 5
    world.now += UNHEARD_S + 0.1
    assert world.count() == (1 if end == "it has restarted" else 0)
    world.now += FORMER_S_MAX
    world.peers.forget_old()
    assert world.count() == 0


def test_a_gateway_that_falls_silent_is_told_once_and_again_when_it_had_come_back() -> None:
    world = World()
    world.hear("b")
    assert world.peers.take_silent() == set()
    for _ in range(2):
        world.now += DEAD_S + 0.1
        assert world.peers.take_silent() == {"b:1"}
        assert world.peers.take_silent() == set()
        world.hear("b")
        assert world.peers.take_silent() == set()


def test_a_restarted_gateway_at_its_old_address_is_not_silent() -> None:
    world = World()
    world.hear("b")
    world.hear("b", incarnation=2)
    assert world.peers.take_silent() == set()


def test_nobody_dies_by_an_address_that_is_not_known() -> None:
    world = World()
    world.hear("b", 1)
    world.peers.mark_dead("c:1")
    assert [one.heartbeat.sender.name for one in world.peers.list_present()] == ["b"]
