"""Rules M1 to M6 of core.membership."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.coordination.membership import (
    DEAD_S,
    EPOCH_AHEAD_MS,
    UNHEARD_S,
    Heartbeat,
    MalformedHeartbeatError,
    Member,
    Peer,
    View,
    choose_view,
    count_elsewhere,
    decode_heartbeat,
    encode_heartbeat,
    plan_view,
)
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.checked_values import EPOCH_MAX

A, B, C = (Member(f"gateway-{number}", f"10.0.0.{number}:9001") for number in range(3))
REF = FunctionRef("default", "hello")
NOW_MS = 1_700_000_000_000


def say(
    sender: Member,
    view: View | None = None,
    *,
    serving: bool = True,
    in_flight: int = 0,
    heard_at: float = 100.0,
) -> Peer:
    counts = {REF: in_flight} if in_flight else {}
    return Peer(Heartbeat(sender, view or View(), serving, counts), heard_at)


def plan(own: Member, view: View, peers: Iterable[Peer], *, serving: bool = True) -> View:
    peers = list(peers)
    highest = max([view.epoch, *(peer.heartbeat.view.epoch for peer in peers)])
    heartbeat = Heartbeat(own, view, serving)
    return plan_view(heartbeat, peers, highest_epoch=highest, now=100.0, now_ms=NOW_MS)


def test_m1_the_higher_epoch_counts_and_all_agree_on_equal_ones() -> None:
    older, newer = View(1, (A, B)), View(2, (A,))
    assert choose_view(older, newer, NOW_MS) == choose_view(newer, older, NOW_MS) == newer
    one, other = View(3, (A,)), View(3, (B,))
    assert choose_view(one, other, NOW_MS) == choose_view(other, one, NOW_MS)


def test_m2_a_gateway_alone_makes_the_view_of_itself() -> None:
    assert plan(A, View(), []) == View(NOW_MS, (A,))


def test_m2_only_the_first_by_name_makes_a_view() -> None:
    view = View(NOW_MS, (A,))
    assert plan(A, view, [say(B, view)]).members == (A, B)
    assert plan(B, view, [say(A, view)]) == view


def test_m2_a_leader_that_leaves_is_followed_by_the_next() -> None:
    view = View(NOW_MS, (A, B))
    assert plan(B, view, [say(A, view, serving=False)]).members == (B,)
    assert plan(A, view, [say(B, view)], serving=False) == view


def test_m3_a_new_view_is_above_every_epoch_heard_of() -> None:
    stale = View(NOW_MS, (A,))
    made = plan(A, stale, [say(B, View(NOW_MS + 500, (B,)))])
    assert made == View(NOW_MS + 501, (A, B))


def test_m3_an_epoch_that_an_agent_has_seen_is_overtaken() -> None:
    view = View(NOW_MS, (A,))
    own = Heartbeat(A, view, serving=True)
    made = plan_view(own, [], highest_epoch=NOW_MS + 9, now=100.0, now_ms=NOW_MS)
    assert made == View(NOW_MS + 10, (A,))


def test_m4_the_silent_and_the_unready_are_no_members() -> None:
    view = View(NOW_MS, (A, B, C))
    silent = say(B, view, heard_at=100.0 - DEAD_S)
    assert plan(A, view, [silent, say(C, view, serving=False)]).members == (A,)


def test_m4_a_view_that_is_right_stays() -> None:
    view = View(NOW_MS, (A, B))
    assert plan(A, view, [say(B, view)]) == view


def test_m5_what_a_silent_gateway_held_counts_until_it_is_heard_of() -> None:
    living, silent = say(B, in_flight=2), say(C, in_flight=3, heard_at=100.0 - DEAD_S)

    def count(now: float, heard: int = 0) -> int:
        return count_elsewhere(
            [living, silent], lambda heartbeat: heartbeat.in_flight.get(REF, 0), now, heard=heard
        )

    assert count(100.0) == 5
    assert count(100.0, heard=1) == 4
    assert count(100.0, heard=9) == 2
    assert count(100.0 + DEAD_S) == 5
    assert count(100.0 + UNHEARD_S) == 2
    assert count(100.0 + DEAD_S + UNHEARD_S) == 0


def test_all_members_agree_on_the_owner_and_a_lone_one_owns_all() -> None:
    assert View().find_owner(REF) is None
    assert View(1, (B,)).find_owner(REF) == B
    assert View(1, (A, B, C)).find_owner(REF) in (A, B, C)


@given(st.lists(st.sampled_from([A, B, C]), min_size=1, unique=True), st.text("abc", min_size=1))
def test_all_versions_of_a_function_have_its_owner(members: list[Member], name: str) -> None:
    """So that one gateway counts them together."""
    view = View(1, tuple(sorted(members)))
    owner = view.find_owner(FunctionRef("default", name))
    assert view.find_owner(FunctionRef("default", f"{name}.3")) == owner


POISONED = NOW_MS + EPOCH_AHEAD_MS + 1


@pytest.mark.parametrize("epoch", [POISONED, 2**52, EPOCH_MAX])
def test_m6_the_leader_makes_its_view_below_an_epoch_that_no_gateway_makes(epoch: int) -> None:
    poisoned = View(epoch, (A, B))
    assert plan(A, poisoned, [say(B, poisoned)]) == View(NOW_MS, (A, B))
    assert plan(A, View(NOW_MS - 5, (A, B)), [say(B, poisoned)]) == View(NOW_MS - 5, (A, B))


def test_m6_a_poisoned_view_is_not_chosen_and_one_that_is_not_replaces_it() -> None:
    poisoned, sane = View(POISONED, (A,)), View(NOW_MS, (A, B))
    assert choose_view(sane, poisoned, NOW_MS) == sane
    assert choose_view(poisoned, sane, NOW_MS) == sane
    assert choose_view(View(), poisoned, NOW_MS) == View()


def test_m6_who_follows_a_poisoned_leader_takes_its_members_under_a_number_of_its_own() -> None:
    """The first gateway of this release in a rollout serves with those of the release before."""
    poisoned = View(2**60, (A, B))
    taken = plan(B, View(), [say(A, poisoned)])
    assert taken == View(NOW_MS, (A, B))
    assert plan(B, taken, [say(A, poisoned)]) == taken
    assert plan(B, taken, [say(A, View(2**60, (A, B, C)))]).members == (A, B, C)


def test_m6_a_clock_that_was_ahead_is_no_reason_to_refuse_its_views_for_ever() -> None:
    ahead = View(NOW_MS + EPOCH_AHEAD_MS, (A,))
    assert plan(A, ahead, [say(B, ahead)]) == View(NOW_MS + EPOCH_AHEAD_MS + 1, (A, B))


@given(st.lists(st.sampled_from([A, B, C]), unique=True, min_size=1), st.data())
def test_m2_gateways_that_hear_each_other_agree_within_two_rounds(
    alive: list[Member], data: st.DataObject
) -> None:
    """Whatever views they begin with, one leader's view reaches everybody."""
    epochs = st.integers(min_value=0, max_value=2 * NOW_MS) | st.integers(2**50, 2**60)
    members = st.lists(st.sampled_from([A, B, C]), unique=True, min_size=1)
    views = {member: View(data.draw(epochs), tuple(sorted(data.draw(members)))) for member in alive}
    for _ in range(3):
        said = {member: say(member, view) for member, view in views.items()}
        for member in alive:
            others = [said[other] for other in alive if other != member]
            for other in others:
                views[member] = choose_view(views[member], other.heartbeat.view, NOW_MS)
            views[member] = plan(member, views[member], others)
    assert {view.members for view in views.values()} == {tuple(sorted(alive))}
    assert len({view.epoch for view in views.values()}) == 1


def test_a_heartbeat_survives_the_wire() -> None:
    heartbeat = Heartbeat(
        A, View(7, (A, B)), serving=True, in_flight={REF: 3}, accounts={"1": 2}, incarnation=9
    )
    assert decode_heartbeat(encode_heartbeat(heartbeat)) == heartbeat


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"name":"a"}',
        b'{"name":"a","address":"b","incarnation":1,"epoch":-1,"members":[],"serving":true,"inFlight":[]}',
        b'{"name":"a","address":"b","incarnation":1,"epoch":1,"members":[["b","x"],["a","x"]],"serving":true,'
        b'"inFlight":[]}',
        b'{"name":"","address":"b","incarnation":1,"epoch":1,"members":[],"serving":true,"inFlight":[]}',
    ],
)
def test_what_is_no_heartbeat_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedHeartbeatError):
        decode_heartbeat(body)


HEARTBEAT = (
    '{{"name":"a","address":"b","incarnation":{incarnation},"epoch":{epoch},"members":[],"serving":true,'
    '"inFlight":[["n","f",{count}]],"accounts":{{"1":{account}}},"format":{format}}}'
)
NUMBERS = {"incarnation": "1", "epoch": "1", "count": "1", "account": "1", "format": "1"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1.5", "true", '"1"', "null", "-1"])
@pytest.mark.parametrize("member", NUMBERS)
def test_a_number_of_a_heartbeat_is_one_within_bounds(member: str, number: str) -> None:
    decode_heartbeat(HEARTBEAT.format(**NUMBERS).encode())
    with pytest.raises(MalformedHeartbeatError):
        decode_heartbeat(HEARTBEAT.format(**NUMBERS | {member: number}).encode())


def test_m6_a_heartbeat_with_an_epoch_beyond_all_is_read_as_poisoned_not_refused() -> None:
    """Its other statements count: the gateway before may have got the number from a pod."""
    body = HEARTBEAT.format(**NUMBERS | {"epoch": str(2**60)}).encode()
    assert decode_heartbeat(body).view.epoch == EPOCH_MAX
    assert decode_heartbeat(body).in_flight == {FunctionRef("n", "f"): 1}
