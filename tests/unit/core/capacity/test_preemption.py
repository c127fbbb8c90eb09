"""Rules R1..R4 of core.room."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.capacity.preemption import (
    SETTLED_S,
    IdleEnvironment,
    PreemptionLoad,
    choose_victims,
)


def idle(*ages: float) -> tuple[IdleEnvironment, ...]:
    return tuple(IdleEnvironment(f"p{age:g}", age) for age in ages)


def rich(*ages: float, **more: Any) -> PreemptionLoad:
    values = {"memory_mb": 128, "environments": len(ages), "idle": idle(*ages), **more}
    return PreemptionLoad("rich", **values)


def poor(unscheduled: int = 1, **more: Any) -> PreemptionLoad:
    values = {"memory_mb": 128, "unscheduled": unscheduled, "is_waiting": True, **more}
    return PreemptionLoad("poor", **values)


CASES: list[tuple[str, list[PreemptionLoad], list[str]]] = [
    ("R1 nobody waits for room", [rich(900.0), poor(0)], []),
    ("R3 the one that was idle longest goes", [rich(30.0, 90.0, 60.0), poor()], ["p90"]),
    ("R4 as many as are needed, not more", [rich(30.0, 90.0, 60.0), poor(2)], ["p90", "p60"]),
    ("R4 one large one for two small ones", [rich(90.0, 60.0, memory_mb=256), poor(2)], ["p90"]),
    ("R4 victims on their way out count", [rich(30.0, leaving=1, environments=2), poor()], []),
    ("R2 the floor stays", [rich(30.0, 90.0, floor=1), poor(2)], ["p90"]),
    ("R2 a function that waits gives nothing", [rich(30.0, is_waiting=True), poor()], []),
    ("R3 one that was just used stays", [rich(1.0), poor(environments=3)], []),
    ("R3 unless its function has too many", [rich(1.0, 2.0, 3.0), poor()], ["p3"]),
    ("R3 settled ones go before those", [rich(1.0, 2.0, 60.0), poor(2)], ["p60", "p2"]),
    ("R2 busy environments are never chosen", [rich(environments=9), poor(3)], []),
]


@pytest.mark.parametrize(("loads", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_room_is_made(loads: list[PreemptionLoad], expected: list[str]) -> None:
    assert [pod for _, pod in choose_victims(loads)] == expected


loads = st.lists(
    st.builds(
        PreemptionLoad,
        key=st.uuids(),
        memory_mb=st.sampled_from([128, 256, 1024]),
        unscheduled=st.integers(0, 3),
        is_waiting=st.booleans(),
        environments=st.integers(0, 9),
        idle=st.lists(st.floats(0, 999).map(lambda age: IdleEnvironment("p", age)), max_size=5),
        leaving=st.integers(0, 2),
        floor=st.integers(0, 3),
    ),
    max_size=6,
)


@given(loads)
def test_never_more_than_what_waits_but_for_one_environment(world: list[PreemptionLoad]) -> None:
    """R4: the last one may be larger than what is still missing."""
    by_key = {load.key: load for load in world}
    victims = choose_victims(world)
    freed = [by_key[key].memory_mb for key, _ in victims]
    wanted = sum(load.unscheduled * load.memory_mb for load in world)
    assert not freed or sum(freed) - freed[-1] < wanted


@given(loads)
def test_nobody_who_waits_gives_anything(world: list[PreemptionLoad]) -> None:
    """R2: so two functions that both wait never take turns at undoing each other."""
    waiting = {load.key for load in world if load.is_waiting}
    assert not waiting & {key for key, _ in choose_victims(world)}


def test_an_environment_that_was_just_given_room_is_not_taken_back() -> None:
    """R3: what the poor one got is idle for less than SETTLED_S when the rich one comes back."""
    world = [
        PreemptionLoad("a", 128, unscheduled=1, is_waiting=True, environments=1),
        PreemptionLoad("b", 128, environments=1, idle=idle(SETTLED_S - 1)),
    ]
    assert choose_victims(world) == []
