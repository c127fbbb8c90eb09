"""Rules S1..S9 of core.scaling, whatever the load of a function is."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.capacity.function_load import SLOW_S, FunctionLoad, PodLoad
from kubelambda.core.capacity.scaling import (
    OWED_S,
    count_wanted,
    plan_scaling,
)
from unit.core.capacity.function_loads import IDLE_S, NOW, OLD, replicas

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
    by_name = {pod.name: pod for pod in world.pods}
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
    leaving = sum(pod.draining and not pod.terminating for pod in world.pods)
    assert target <= world.cap + leaving


@given(worlds)
def test_a_plan_that_was_carried_out_is_not_made_again(world: FunctionLoad) -> None:
    """Level-based: with replicas set and victims marked, nothing new is planned but deletions."""
    plan = plan_scaling(world, IDLE_S)
    after = replace(
        world,
        replicas={**world.replicas, **plan.replicas},
        pods=[replace(pod, draining=pod.draining or pod.name in plan.drain) for pod in world.pods],
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
    pods = [replace(pod, state="unlinked") if pod.failed else pod for pod in world.pods]
    world = replace(world, pods=pods)
    without = replace(world, pods=[pod for pod in world.pods if not pod.failed])
    plan, expected = plan_scaling(world, IDLE_S), plan_scaling(without, IDLE_S)
    assert (plan.replicas, plan.drain) == (expected.replicas, expected.drain)
    assert set(expected.delete) <= set(plan.delete)


@given(worlds)
def test_replicas_never_become_negative(world: FunctionLoad) -> None:
    assert all(count >= 0 for count in replicas(world).values())


@given(worlds)
def test_only_pending_pods_are_withdrawn(world: FunctionLoad) -> None:
    """S8: and none while it is waited for."""
    by_name = {pod.name: pod for pod in world.pods}
    plan = plan_scaling(world, IDLE_S)
    for name in plan.withdraw:
        assert by_name[name].pending
        assert by_name[name].direct
