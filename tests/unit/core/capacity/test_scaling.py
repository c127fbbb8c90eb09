"""Rules S1..S9 of core.scaling."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.capacity.function_load import SLOW_S, STARTING_S, FunctionLoad, PodLoad
from kubelambda.core.capacity.scaling import (
    OWED_S,
    ScalingPlan,
    count_wanted,
    plan_scaling,
    split_start,
)

IDLE_S = 300.0
NOW = "rev-now"
OLD = "rev-old"


def pod(name: str, state: str = "busy", revision: str = NOW, **more: object) -> PodLoad:
    return PodLoad(name=name, revision=revision, state=state, **more)  # type: ignore[arg-type]


def load(*pods: PodLoad, replicas: dict[str, int] | None = None, **more: object) -> FunctionLoad:
    asked = {NOW: sum(one.revision == NOW for one in pods)} if replicas is None else replicas
    return FunctionLoad(current=NOW, replicas=asked, pods=pods, **more)  # type: ignore[arg-type]


def replicas(world: FunctionLoad, tokens: int = 1000) -> dict[str, int]:
    """Changed replicas where the pace of Deployments allows so many more."""
    plan = plan_scaling(world, IDLE_S)
    target, _ = split_start(world, plan, tokens)
    changed = {**plan.replicas, NOW: target}
    return {revision: count for revision, count in changed.items() if count is not None}


UP_CASES = [
    ("nothing wanted, nothing there", load(replicas={NOW: 0}), {}),
    ("S1 the first miss raises from zero", load(replicas={NOW: 0}, waiting=1), {NOW: 1}),
    ("S1 what is busy stays beside what waits", load(pod("a"), waiting=2), {NOW: 3}),
    (
        "S1 environments on their way are not asked for twice",
        load(replicas={NOW: 2}, waiting=2),
        {},
    ),
    ("S2 the reservation is the ceiling", load(pod("a"), waiting=9, cap=3), {NOW: 3}),
    ("S2 a reservation of 0 starts nothing", load(replicas={NOW: 0}, waiting=1, cap=0), {}),
    (
        "S2 busy environments of an older revision use up the reservation",
        load(pod("a", revision=OLD), replicas={NOW: 0, OLD: 1}, waiting=5, cap=2),
        {NOW: 1},
    ),
    ("S3 the floor is kept without demand", load(replicas={NOW: 0}, floor=2), {NOW: 2}),
    (
        "S1 a victim that has not left yet does not count as capacity",
        load(pod("a", "idle", draining=True), waiting=1),
        {NOW: 2},
    ),
]


@pytest.mark.parametrize(
    ("world", "expected"), [case[1:] for case in UP_CASES], ids=[c[0] for c in UP_CASES]
)
def test_replicas_follow_demand_at_once(world: FunctionLoad, expected: dict[str, int]) -> None:
    assert replicas(world) == expected


DOWN_CASES = [
    ("S3 an environment idle too short stays", load(pod("a", "idle", idle_s=299)), ()),
    ("S3 an environment idle too long is drained", load(pod("a", "idle", idle_s=300)), ("a",)),
    ("S3 a busy environment is never drained", load(pod("a", idle_s=900)), ()),
    ("S3 a starting environment is never drained", load(pod("a", "starting", idle_s=900)), ()),
    ("S3 the floor stays", load(pod("a", "idle", idle_s=900), floor=1), ()),
    (
        "S3 the longest idle goes first",
        load(pod("a", "idle", idle_s=400), pod("b", "idle", idle_s=500), floor=1),
        ("b",),
    ),
    (
        "S4 nothing is drained while a pod is Pending",
        load(pod("a", "idle", idle_s=900), pod("b", "unlinked", pending=True)),
        (),
    ),
    (
        "S3 an environment that nobody has heard of for the idle time goes too",
        load(pod("a", "unlinked", idle_s=301)),
        ("a",),
    ),
    (
        "S3 nobody is drained while somebody waits",
        load(pod("a", "idle", idle_s=900), waiting=1),
        (),
    ),
    ("S5 a victim is chosen once", load(pod("a", "idle", idle_s=900, draining=True)), ()),
    (
        "S6 an older revision that nobody can use drains at once",
        load(pod("o", "idle", OLD, usable=False), replicas={NOW: 0, OLD: 1}),
        ("o",),
    ),
    (
        "S6 an older revision that still serves waits for its successor",
        load(pod("o", "idle", OLD), replicas={NOW: 1, OLD: 1}),
        (),
    ),
    (
        "S6 and drains when the successor is linked",
        load(pod("o", "idle", OLD), pod("n", "idle"), replicas={NOW: 1, OLD: 1}),
        ("o",),
    ),
    (
        "S6 a busy environment of an older revision finishes first",
        load(pod("o", "busy", OLD, usable=False), pod("n", "idle"), replicas={NOW: 1, OLD: 1}),
        (),
    ),
]


@pytest.mark.parametrize(
    ("world", "expected"), [case[1:] for case in DOWN_CASES], ids=[c[0] for c in DOWN_CASES]
)
def test_victims_are_chosen(world: FunctionLoad, expected: tuple[str, ...]) -> None:
    assert plan_scaling(world, IDLE_S).drain == expected


GONE_CASES = [
    ("S5 a victim still linked holds its replica", load(pod("a", "idle", draining=True)), {}),
    (
        "S5 replicas fall when the victim has left",
        load(pod("a", "unlinked", draining=True)),
        {NOW: 0},
    ),
    (
        "S5 a victim whose container restarted has left",
        load(pod("a", "starting", draining=True, restarted=True)),
        {NOW: 0},
    ),
    (
        "S4 replicas do not fall while a pod is Pending",
        load(pod("a", "unlinked", draining=True), pod("b", "unlinked", pending=True)),
        {},
    ),
    (
        "S5 a replica is taken once: the pod is still there, replicas are lowered already",
        load(pod("a", "unlinked", draining=True), pod("b"), replicas={NOW: 1}),
        {},
    ),
    (
        "S5 nothing is lowered while pods are still unseen",
        load(pod("a", "unlinked", draining=True), replicas={NOW: 3}),
        {},
    ),
    (
        "S6 pods of an older revision that never came up go by themselves",
        load(pod("o", "unlinked", OLD, pending=True), replicas={NOW: 0, OLD: 1}),
        {OLD: 0},
    ),
    ("S6 an older revision without pods asks for none", load(replicas={NOW: 0, OLD: 2}), {OLD: 0}),
    (
        "pods that never came to life are given up after the idle time",
        load(pod("a", "unlinked", pending=True, idle_s=301)),
        {NOW: 0},
    ),
]


@pytest.mark.parametrize(
    ("world", "expected"), [case[1:] for case in GONE_CASES], ids=[c[0] for c in GONE_CASES]
)
def test_replicas_fall_after_the_drain(world: FunctionLoad, expected: dict[str, int]) -> None:
    assert replicas(world) == expected


def test_a_restarted_container_is_a_dead_environment() -> None:
    """Its pod is deleted, unless it is on its way out anyway (DESIGN 3.1)."""
    world = load(
        pod("a", "starting", restarted=True),
        pod("b", "idle", draining=True, restarted=True),
        waiting=1,
    )
    assert plan_scaling(world, IDLE_S).delete == ("a",)


def test_a_failed_pod_is_deleted_whatever_else_is_said_of_it() -> None:
    """S7: a ReplicaSet has replaced it and never takes it away (an eviction leaves such a pod)."""
    gone = {"failed": True, "idle_s": 900}
    world = load(
        pod("a", "unlinked", **gone),
        pod("b", "unlinked", draining=True, **gone),
        pod("c", "unlinked", OLD, **gone),
        pod("d", "unlinked", terminating=True, **gone),
        pod("e"),
        replicas={NOW: 1, OLD: 0},
    )
    plan = plan_scaling(world, IDLE_S)
    assert set(plan.delete) == {"a", "b", "c"}
    assert (plan.replicas, plan.drain) == ({}, ())


def test_a_failed_pod_does_not_stand_for_capacity() -> None:
    """S1, S7: what waits behind an evicted environment gets another."""
    world = load(pod("a", "unlinked", failed=True), replicas={NOW: 0}, waiting=1)
    assert replicas(world) == {NOW: 1}


def test_a_new_revision_warms_before_the_old_one_drains() -> None:
    """S6: as many environments of the new revision as still serve from the old one."""
    world = load(pod("o", "busy", OLD), pod("p", "idle", OLD), replicas={NOW: 0, OLD: 2})
    assert replicas(world) == {NOW: 2}


pods = st.builds(
    PodLoad,
    name=st.uuids().map(str),
    revision=st.sampled_from([NOW, OLD]),
    state=st.sampled_from(["unlinked", "starting", "idle", "busy"]),
    idle_s=st.sampled_from([0.0, 299.0, 300.0, 1000.0]),
    usable=st.booleans(),
    pending=st.booleans(),
    terminating=st.booleans(),
    draining=st.booleans(),
    restarted=st.booleans(),
    failed=st.booleans(),
    stuck=st.booleans(),
    direct=st.booleans(),
)
worlds = st.builds(
    FunctionLoad,
    current=st.just(NOW),
    replicas=st.fixed_dictionaries({NOW: st.integers(0, 8)}, optional={OLD: st.integers(0, 8)}),
    pods=st.lists(pods, max_size=8),
    waiting=st.integers(0, 5),
    floor=st.integers(0, 3),
    cap=st.one_of(st.none(), st.integers(0, 6)),
    start_max=st.sampled_from([None, 0, 1]),
    is_slow=st.booleans(),
    owed_s=st.sampled_from([0.0, SLOW_S, OWED_S]),
)


@given(worlds)
def test_only_idle_and_dead_environments_are_ever_drained(world: FunctionLoad) -> None:
    by_name = {one.name: one for one in world.pods}
    for name in plan_scaling(world, IDLE_S).drain:
        assert by_name[name].state in ("idle", "unlinked") or by_name[name].restarted
        assert not by_name[name].terminating


@given(worlds)
def test_current_replicas_never_rise_over_the_reservation_and_its_victims(
    world: FunctionLoad,
) -> None:
    target = replicas(world).get(NOW)
    if world.cap is None or target is None or target <= world.replicas[NOW]:
        return
    leaving = sum(one.draining and not one.terminating for one in world.pods)
    assert target <= world.cap + leaving


@given(worlds)
def test_a_plan_that_was_carried_out_is_not_made_again(world: FunctionLoad) -> None:
    """Level-based: with replicas set and victims marked, nothing new is planned but deletions."""
    plan = plan_scaling(world, IDLE_S)
    after = replace(
        world,
        replicas={**world.replicas, **plan.replicas},
        pods=[replace(one, draining=one.draining or one.name in plan.drain) for one in world.pods],
    )
    assert not set(plan_scaling(after, IDLE_S).drain) & set(plan.drain)


@given(worlds)
def test_wanted_is_never_negative_and_covers_what_waits_where_nothing_is_reserved(
    world: FunctionLoad,
) -> None:
    wanted = count_wanted(world)
    assert wanted >= 0
    if world.cap is None:
        assert wanted >= max(world.waiting, world.floor)


@given(worlds)
def test_failed_pods_change_nothing_but_their_own_deletion(world: FunctionLoad) -> None:
    """S7; but for an event that a gateway still counts as running in one."""
    pods = [replace(one, state="unlinked") if one.failed else one for one in world.pods]
    world = replace(world, pods=pods)
    without = replace(world, pods=[one for one in world.pods if not one.failed])
    plan, expected = plan_scaling(world, IDLE_S), plan_scaling(without, IDLE_S)
    assert (plan.replicas, plan.drain) == (expected.replicas, expected.drain)
    assert set(expected.delete) <= set(plan.delete)


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


def test_an_environment_that_ended_is_not_replaced_without_demand() -> None:
    """S9: it becomes a victim, and its place goes with it (F11: else pods are made for ever)."""
    world = load(pod("a", "starting", restarted=True))
    plan = plan_scaling(world, IDLE_S)
    assert (plan.drain, plan.delete, replicas(world)) == (("a",), (), {})
    marked = load(pod("a", "starting", restarted=True, draining=True))
    assert replicas(marked) == {NOW: 0}


def test_nothing_is_started_while_starts_are_held() -> None:
    """S9: neither by new pods, nor by the Deployment's own, nor by replacing the dead."""
    dead = pod("a", "unlinked", restarted=True)
    world = load(dead, replicas={NOW: 3}, waiting=5, start_max=0)
    plan = plan_scaling(world, IDLE_S)
    assert (plan.start, plan.delete, plan.drain) == (0, (), ("a",))
    assert replicas(world) == {NOW: 1}


def test_one_environment_is_tried_after_failures() -> None:
    """S9."""
    world = load(replicas={NOW: 0}, waiting=5, start_max=1)
    assert plan_scaling(world, IDLE_S).start == 1
    trying = load(pod("a", "starting"), waiting=5, start_max=1)
    assert plan_scaling(trying, IDLE_S).start == 0


@given(worlds)
def test_replicas_never_become_negative(world: FunctionLoad) -> None:
    assert all(count >= 0 for count in replicas(world).values())


@given(worlds)
def test_only_pending_pods_are_withdrawn(world: FunctionLoad) -> None:
    """S8: and none while it is waited for."""
    by_name = {one.name: one for one in world.pods}
    plan = plan_scaling(world, IDLE_S)
    for name in plan.withdraw:
        assert by_name[name].pending
        assert by_name[name].direct
