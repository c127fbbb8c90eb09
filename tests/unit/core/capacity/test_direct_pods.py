"""Rules S1..S9 of core.scaling where pods are made directly, beside a Deployment that is slow."""

import pytest

from kubelambda.core.capacity.function_load import SLOW_S, STARTING_S
from kubelambda.core.capacity.scaling import (
    OWED_S,
    ScalingPlan,
    plan_scaling,
    split_start,
)
from unit.core.capacity.function_loads import IDLE_S, NOW, OLD, load, pod


def test_what_was_taken_up_by_a_direct_pod_is_no_reason_to_raise_replicas() -> None:
    """S1: both kinds count, so one need never starts two environments."""
    world = load(pod("a", "unlinked", direct=True, pending=True), replicas={NOW: 0}, waiting=1)
    assert plan_scaling(world, IDLE_S) == ScalingPlan()


SPLITS = [
    ("the Deployment takes what its pace allows, direct pods the rest", 3, False, (3, 2)),
    ("without pace all are direct", 0, False, (None, 5)),
    ("a slow Deployment gets nothing", 9, True, (None, 5)),
]


@pytest.mark.parametrize(
    ("tokens", "is_slow", "expected"), [case[1:] for case in SPLITS], ids=[c[0] for c in SPLITS]
)
def test_a_start_is_split_between_the_deployment_and_direct_pods(
    tokens: int, is_slow: bool, expected: tuple[int | None, int]
) -> None:
    world = load(replicas={NOW: 0}, waiting=5, is_slow=is_slow)
    assert split_start(world, plan_scaling(world, IDLE_S), tokens) == expected


def test_what_nobody_waits_for_waits_for_the_pace() -> None:
    """A thousand functions re-rendered by an upgrade: their successors are not made directly."""
    world = load(pod("o", "idle", OLD), replicas={OLD: 1})
    plan = plan_scaling(world, IDLE_S)
    assert plan.start == 1
    assert split_start(world, plan, 0) == (None, 0)
    assert split_start(world, plan, 5) == (1, 0)


def test_what_a_slow_deployment_owes_is_taken_from_it_and_made_directly() -> None:
    """S1: never both, or it catches up later and one need has started two."""
    world = load(pod("a"), replicas={NOW: 4}, waiting=3, owed_s=SLOW_S)
    plan = plan_scaling(world, IDLE_S)
    assert split_start(world, plan, 100) == (1, 3)


def test_direct_pods_go_before_those_of_the_deployment() -> None:
    """S3."""
    world = load(
        pod("a", "idle", idle_s=900),
        pod("b", "idle", idle_s=400, direct=True),
        floor=1,
        replicas={NOW: 1},
    )
    assert plan_scaling(world, IDLE_S).drain == ("b",)


DIRECT_CASES = [
    ("S5 a direct victim that is linked stays", {"state": "idle", "draining": True}, (), ()),
    ("S5 one that has left is deleted", {"state": "unlinked", "draining": True}, ("a",), ()),
    ("S7 one that has ended is deleted", {"state": "unlinked", "failed": True}, ("a",), ()),
    (
        "S8 one that cannot start is given back at once when nobody waits",
        {"state": "unlinked", "pending": True, "stuck": True},
        (),
        ("a",),
    ),
    (
        "S8 one that is about to start may do so",
        {"state": "unlinked", "pending": True, "idle_s": STARTING_S - 1},
        (),
        (),
    ),
    (
        "S8 but not for ever",
        {"state": "unlinked", "pending": True, "idle_s": STARTING_S},
        (),
        ("a",),
    ),
    (
        "S6 one of an older revision that is not running goes",
        {"state": "unlinked", "pending": True, "revision": OLD},
        (),
        ("a",),
    ),
]


@pytest.mark.parametrize(
    ("values", "delete", "withdraw"),
    [case[1:] for case in DIRECT_CASES],
    ids=[c[0] for c in DIRECT_CASES],
)
def test_direct_pods_go(
    values: dict[str, object], delete: tuple[str, ...], withdraw: tuple[str, ...]
) -> None:
    world = load(pod("a", direct=True, **values), replicas={NOW: 0})  # type: ignore[arg-type]
    plan = plan_scaling(world, IDLE_S)
    assert (plan.delete, plan.withdraw) == (delete, withdraw)


STUCK = {"state": "unlinked", "pending": True, "stuck": True}
WITHDRAWALS = [
    ("S8 demand that has gone takes them all", 4, {"waiting": 0}, {NOW: 1}),
    ("S8 not while the queue may rise again", 4, {"waiting": 0, "waiting_lately": 3}, {}),
    ("S8 as many as are waited for stay", 4, {"waiting": 2}, {NOW: 3}),
    ("S8 all are waited for", 4, {"waiting": 3}, {}),
    ("S8 what the Deployment owes may come", 6, {"waiting": 3}, {NOW: 4}),
    ("S8 unless it has owed it for long", 6, {"waiting": 3, "owed_s": OWED_S}, {NOW: 4}),
    ("S8 what the ReplicaSet is about to take is not taken twice", 2, {"waiting": 1}, {}),
]


@pytest.mark.parametrize(
    ("asked", "more", "expected"),
    [case[1:] for case in WITHDRAWALS],
    ids=[c[0] for c in WITHDRAWALS],
)
def test_pending_pods_beyond_the_demand_of_today_are_given_back(
    asked: int, more: dict[str, float], expected: dict[str, int]
) -> None:
    """One is busy, three cannot be scheduled."""
    stuck = [pod(name, **STUCK) for name in ("b", "c", "d")]  # type: ignore[arg-type]
    world = load(pod("a"), *stuck, replicas={NOW: asked}, **more)
    assert plan_scaling(world, IDLE_S).replicas == expected
