"""Rules S1..S7 of core.scaling."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.scaling import FunctionLoad, PodLoad, count_wanted, plan_scaling

IDLE_S = 300.0
NOW = "rev-now"
OLD = "rev-old"


def pod(name: str, state: str = "busy", revision: str = NOW, **more: object) -> PodLoad:
    return PodLoad(name=name, revision=revision, state=state, **more)  # type: ignore[arg-type]


def load(*pods: PodLoad, replicas: dict[str, int] | None = None, **more: object) -> FunctionLoad:
    asked = {NOW: sum(one.revision == NOW for one in pods)} if replicas is None else replicas
    return FunctionLoad(current=NOW, replicas=asked, pods=pods, **more)  # type: ignore[arg-type]


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
    assert plan_scaling(world, IDLE_S).replicas == expected


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
    assert plan_scaling(world, IDLE_S).replicas == expected


def test_a_restarted_container_is_a_dead_environment() -> None:
    """Its pod is deleted, unless it is on its way out anyway (DESIGN 3.1)."""
    world = load(
        pod("a", "starting", restarted=True), pod("b", "idle", draining=True, restarted=True)
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
    assert plan_scaling(world, IDLE_S).replicas == {NOW: 1}


def test_a_new_revision_warms_before_the_old_one_drains() -> None:
    """S6: as many environments of the new revision as still serve from the old one."""
    world = load(pod("o", "busy", OLD), pod("p", "idle", OLD), replicas={NOW: 0, OLD: 2})
    assert plan_scaling(world, IDLE_S).replicas == {NOW: 2}


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
)
worlds = st.builds(
    FunctionLoad,
    current=st.just(NOW),
    replicas=st.fixed_dictionaries({NOW: st.integers(0, 8)}, optional={OLD: st.integers(0, 8)}),
    pods=st.lists(pods, max_size=8),
    waiting=st.integers(0, 5),
    floor=st.integers(0, 3),
    cap=st.one_of(st.none(), st.integers(0, 6)),
)


@given(worlds)
def test_only_idle_environments_are_ever_drained(world: FunctionLoad) -> None:
    by_name = {one.name: one for one in world.pods}
    for name in plan_scaling(world, IDLE_S).drain:
        assert by_name[name].state in ("idle", "unlinked")
        assert not by_name[name].terminating


@given(worlds)
def test_current_replicas_never_rise_over_the_reservation_and_its_victims(
    world: FunctionLoad,
) -> None:
    target = plan_scaling(world, IDLE_S).replicas.get(NOW)
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
