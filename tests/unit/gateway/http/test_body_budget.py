"""Room for bodies: bounded, shared between addresses, charged by what has come."""

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.gateway.http.body_budget import BodyBudget, HeldBody

MAX = 1_000


def test_one_address_leaves_a_quarter_to_all_others() -> None:
    budget = BodyBudget(MAX)
    assert budget.hold("greedy", 750)
    assert not budget.hold("greedy", 1)
    assert budget.hold("other", 187)
    assert not budget.hold("other", 1)
    assert budget.hold("a third", 40)


def test_a_refusal_changes_nothing_and_release_gives_all_back() -> None:
    budget = BodyBudget(MAX)
    body = HeldBody(budget, "a")
    assert body.add(700)
    assert not body.add(100)
    assert (budget.held_bytes, body.held_bytes) == (700, 700)
    body.release()
    body.release()
    assert (budget.held_bytes, budget.by_address) == (0, {})


def test_small_bodies_find_room_where_large_ones_have_taken_all_of_theirs() -> None:
    """Also those of the address that has taken it: heartbeats come from where relays come from."""
    budget = BodyBudget(MAX, small_bytes=200)
    assert budget.hold("greedy", 750)
    assert not budget.hold("greedy", 10)
    assert budget.hold("greedy", 10, is_small=True)
    assert budget.hold("other", 10, is_small=True)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400), st.booleans()), max_size=60))
def test_no_more_than_the_maximum_is_held_and_somebody_new_always_finds_room(
    steps: list[tuple[str, int, bool]],
) -> None:
    budget = BodyBudget(MAX)
    bodies: list[HeldBody] = []
    for address, count, releases in steps:
        body = HeldBody(budget, address)
        body.add(count)
        bodies.append(body)
        if releases:
            bodies.pop(0).release()
        assert budget.held_bytes == sum(one.held_bytes for one in bodies) < MAX
        newcomer = HeldBody(budget, "somebody new")
        assert newcomer.add(1)
        newcomer.release()
    for body in bodies:
        body.release()
    assert budget.by_address == {}
