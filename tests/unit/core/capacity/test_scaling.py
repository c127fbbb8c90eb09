"""Rules S1..S9 of core.scaling."""

import pytest

from kubelambda.core.capacity.function_load import FunctionLoad
from kubelambda.core.capacity.scaling import (
    plan_scaling,
)
from unit.core.capacity.function_loads import IDLE_S, NOW, OLD, load, pod, replicas

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
    """Its pod is deleted, unless it is on its way out anyway."""
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
