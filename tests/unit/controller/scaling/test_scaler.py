"""The scaler, constructed directly, on a cluster in memory."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelambda.controller.demand.gateway_liveness import SILENT_S
from kubelambda.controller.scaling.actuator import UNSURE_S
from kubelambda.controller.scaling.scaler import DESERTED_IDLE_S
from kubelambda.core.capacity.function_load import STARTING_S
from kubelambda.kube.errors import ForbiddenError, UnavailableError
from kubelambda.kube.memory import Call
from kubelambda.kube.paths import DEPLOYMENTS
from unit.controller.scaling.simulated_cluster import IDLE_S, SimulatedCluster

QUOTA = 'pods "f" is forbidden: exceeded quota: three, requested: pods=1'


async def test_without_demand_nothing_is_made() -> None:
    """Entry 18: no Deployment before there is demand or a floor."""
    cluster = SimulatedCluster("f", "g")
    await cluster.steps(1)
    assert cluster.api.writes == []


async def test_a_request_gets_an_environment_and_it_goes_after_the_idle_time() -> None:
    cluster = SimulatedCluster("f")
    cluster.gateway("f").waiting = 1
    await cluster.steps(2)
    assert cluster.gateway("f").served == 1
    assert len(cluster.pods()) == 1
    await cluster.steps(IDLE_S + 3, 1.0)
    assert cluster.pods() == []
    assert cluster.replicas() == 0


async def test_over_the_pace_of_deployments_pods_are_made_directly() -> None:
    cluster = SimulatedCluster("f", event_s=5)
    cluster.gateway("f").waiting = 40
    await cluster.steps(2)
    kinds = [pod["metadata"]["ownerReferences"][0]["kind"] for pod in cluster.pods()]
    assert len(kinds) == 40
    assert kinds.count("ReplicaSet") == 10
    await cluster.steps(IDLE_S + 10, 1.0)
    assert cluster.pods() == []
    assert cluster.killed_busy == []


async def test_a_slow_replica_set_controller_delays_nobody() -> None:
    """Entry 18: what the Deployment owes for too long is taken from it and made directly."""
    cluster = SimulatedCluster("f", replica_sets_per_step=0, event_s=5)
    cluster.gateway("f").waiting = 4
    await cluster.steps(2)
    assert len(cluster.pods()) == 4
    cluster.replica_sets_per_step = 100
    await cluster.steps(2)
    assert len(cluster.pods()) == 4, "it catches up, and starts nothing twice"
    assert cluster.created["uid-f"] == 4


async def test_a_pod_whose_creation_was_not_answered_is_waited_for() -> None:
    """From when the request failed: it may have hung for longer than the wait."""
    cluster, failed_at, created_at = (
        SimulatedCluster("f", replica_sets_per_step=0),
        list[float](),
        list[float](),
    )

    def hang_once(call: Call) -> None:
        if (call.verb, call.resource) != ("create", "pods"):
            return
        if not failed_at:
            cluster.now += 20.0
            failed_at.append(cluster.now)
            raise UnavailableError("no answer")
        created_at.append(cluster.now)

    cluster.api.on_call = hang_once
    cluster.gateway("f").waiting = 1
    await cluster.steps(UNSURE_S + 3)
    assert created_at
    assert created_at[0] - failed_at[0] >= UNSURE_S


@pytest.mark.parametrize("replicas", [0, 7])
async def test_f33_replicas_that_hands_have_set_are_put_back(replicas: int) -> None:
    """As ``kubectl scale`` does it; the environment that runs an event finishes it."""
    cluster = SimulatedCluster("f", event_s=30)
    cluster.gateway("f").waiting = 2
    await cluster.steps(2)
    assert (cluster.replicas(), len(cluster.pods())) == (2, 2)
    (name,) = cluster.deployments()
    content = {"spec": {"replicas": replicas}}
    cluster.api.edit(DEPLOYMENTS, "apps", name, content, manager="kubectl", subresource="scale")
    assert cluster.replicas() == replicas
    await cluster.steps(2)
    assert (cluster.replicas(), len(cluster.live("f"))) == (2, 2)


async def test_f33_an_idle_functions_deployment_that_hands_scale_up_goes_back_to_nothing() -> None:
    cluster = SimulatedCluster("f")
    cluster.gateway("f").waiting = 1
    await cluster.steps(2)
    await cluster.steps(IDLE_S + 3, 1.0)
    (name,) = cluster.deployments()
    content = {"spec": {"replicas": 3}}
    cluster.api.edit(DEPLOYMENTS, "apps", name, content, manager="kubectl-edit")
    await cluster.steps(2)
    assert (cluster.replicas(), cluster.pods()) == (0, [])


async def test_pods_that_find_no_room_are_given_back_when_nobody_waits() -> None:
    """Entry 15: 183 wanted, room for 46, the queue empty ten seconds later."""
    cluster = SimulatedCluster("f", room=10, event_s=0.3)
    cluster.gateway("f").waiting = 40
    await cluster.steps(1)
    assert cluster.pending()
    await cluster.steps(4)
    assert cluster.gateway("f").served == 40
    await cluster.steps(2)
    assert cluster.pending() == []
    assert cluster.killed_busy == []
    assert len(cluster.pods()) == 10, "what runs stays for the idle time"


async def test_pods_that_fail_are_not_made_anew_without_traffic() -> None:
    """Entry 5, F11."""
    cluster = SimulatedCluster("f")
    cluster.fails = True
    cluster.gateway("f").waiting = 2
    await cluster.steps(3)
    cluster.gateway("f").waiting = 0
    await cluster.steps(5)
    made = sum(cluster.created.values())
    await cluster.steps(30, 1.0)
    assert sum(cluster.created.values()) == made
    assert cluster.pods() == []
    assert cluster.replicas() == 0


async def test_pods_that_fail_are_made_at_growing_intervals_for_those_who_wait() -> None:
    """Entry 5: each once, as a trial; and the reconciler hears of each failure."""
    cluster = SimulatedCluster("f")
    cluster.fails = True
    cluster.gateway("f").waiting = 20
    await cluster.steps(1)
    first = sum(cluster.created.values())
    await cluster.steps(30, 1.0)
    assert sum(cluster.created.values()) - first <= 5
    assert "f" in cluster.changed
    report = cluster.start_backoff.report("uid-f")
    assert report.failures >= 3
    assert report.cause == "exit code 1"


async def test_a_function_that_is_mended_serves_at_its_next_trial() -> None:
    cluster = SimulatedCluster("f")
    cluster.fails = True
    cluster.gateway("f").waiting = 3
    await cluster.steps(5)
    cluster.fails = False
    await cluster.steps(10)
    assert cluster.gateway("f").served == 3
    assert cluster.start_backoff.report("uid-f").failures == 0


async def test_a_quota_is_heard_and_what_it_allows_serves() -> None:
    """Entry 15: with room for three pods ten requests are served by three."""
    cluster = SimulatedCluster("f")
    cluster.api.on_call = lambda call: cluster.refuse_beyond(3, call, ForbiddenError(QUOTA))
    cluster.replica_sets_per_step = 0
    cluster.gateway("f").waiting = 10
    await cluster.steps(6)
    assert cluster.gateway("f").served == 10
    assert len(cluster.pods()) == 3


async def test_a_refusal_is_remembered_for_the_conditions() -> None:
    cluster = SimulatedCluster("f", replica_sets_per_step=0)
    cluster.api.refuse("create", "pods", ForbiddenError(QUOTA))
    cluster.gateway("f").waiting = 3
    await cluster.steps(10)
    report = cluster.start_backoff.report("uid-f")
    assert report.refusal == QUOTA
    attempts = [
        call for call in cluster.api.calls if (call.verb, call.resource) == ("create", "pods")
    ]
    assert len(attempts) <= 6, "at growing intervals"
    cluster.api.permit()
    await cluster.steps(16)
    assert cluster.gateway("f").served == 3


async def test_in_a_namespace_that_is_being_deleted_nothing_is_tried_at_every_look() -> None:
    """Entry 18: it says nothing about the function, and delays nobody else."""
    cluster = SimulatedCluster("f", replica_sets_per_step=0)
    ending = 'pods "f" is forbidden: namespace apps is being terminated'
    cluster.api.refuse("create", "pods", ForbiddenError(ending))
    cluster.api.refuse("create", "deployments", ForbiddenError(ending))
    cluster.gateway("f").waiting = 3
    await cluster.steps(3)
    attempts = [write for write in cluster.api.writes if write.resource in ("pods", "deployments")]
    assert 1 <= len(attempts) <= 4, "about one a second"
    assert cluster.start_backoff.report("uid-f").refusal == ""


async def test_while_gateways_are_silent_but_alive_nothing_is_touched() -> None:
    cluster = SimulatedCluster("f")
    cluster.gateway("f").waiting = 3
    await cluster.steps(2)
    cluster.are_gateways_up = False
    await cluster.steps(SILENT_S + DESERTED_IDLE_S + IDLE_S, 1.0)
    assert len(cluster.pods()) == 3


async def test_without_any_gateway_room_is_given_back() -> None:
    """Entry 15: the gateway itself may be waiting for that room. Pending pods go first."""
    cluster = SimulatedCluster("f", room=5, event_s=30)
    cluster.gateway("f").waiting = 9
    await cluster.steps(2)
    assert len(cluster.pods()) == 9
    cluster.are_gateways_up = cluster.presence.alive = False
    await cluster.steps(SILENT_S + 2)
    assert len(cluster.pods()) == 5
    assert cluster.pending() == []
    await cluster.steps(DESERTED_IDLE_S + 5, 1.0)
    assert cluster.pods() == []


async def test_what_was_busy_when_the_last_gateway_went_may_finish() -> None:
    cluster = SimulatedCluster("f", event_s=500, timeout=100)
    cluster.gateway("f").waiting = 2
    await cluster.steps(2)
    cluster.are_gateways_up = cluster.presence.alive = False
    await cluster.steps(100, 1.0)
    assert len(cluster.pods()) == 2
    await cluster.steps(15 + DESERTED_IDLE_S, 1.0)
    assert cluster.pods() == []


async def test_idle_environments_of_others_make_room() -> None:
    """Entry 15, R1..R4: oldest first, and only as many as are needed."""
    cluster = SimulatedCluster("rich", "poor", room=6, event_s=0.3)
    cluster.gateway("rich").waiting = 6
    await cluster.steps(8)
    assert len(cluster.pods("rich")) == 6
    cluster.gateway("poor").waiting = 2
    await cluster.steps(5)
    assert cluster.gateway("poor").served == 2
    assert len(cluster.pods("rich")) == 4
    assert cluster.killed_busy == []


async def test_two_functions_that_want_all_the_room_do_not_undo_each_other() -> None:
    cluster = SimulatedCluster("one", "two", room=4, event_s=0.3)
    for _ in range(100):
        cluster.gateway("one").waiting = cluster.gateway("two").waiting = 6
        await cluster.step()
    assert cluster.killed_busy == []
    assert sum(cluster.created.values()) < 40


async def test_short_events_share_environments() -> None:
    """Entry 15: a hundred events of a millisecond need no hundred environments."""
    cluster = SimulatedCluster("f", event_s=0.001)
    cluster.gateway("f").tells_duration = True
    cluster.gateway("f").waiting = 1
    await cluster.steps(2)
    cluster.gateway("f").waiting = 100
    await cluster.steps(2)
    assert cluster.created["uid-f"] <= 2


STOPS = [pytest.param(calls, id=f"after {calls} calls") for calls in range(1, 16)]


@pytest.mark.parametrize("calls", STOPS)
async def test_a_controller_that_stops_anywhere_is_taken_over(calls: int) -> None:
    """After each write: nothing is made twice, nothing stays."""
    cluster = SimulatedCluster("f", event_s=2)
    cluster.api.stop_after(calls)
    cluster.gateway("f").waiting = 12
    await cluster.steps(0.5)
    cluster.api.stop_after(None)
    cluster.restart()
    await cluster.steps(5)
    assert cluster.gateway("f").served == 12
    assert cluster.created["uid-f"] <= 12
    await cluster.steps(IDLE_S + 5, 1.0)
    assert cluster.pods() == []


@settings(max_examples=settings.default.max_examples // 10)  # each takes long
@given(
    bursts=st.lists(st.tuples(st.integers(0, 14), st.integers(0, 25)), min_size=1, max_size=3),
    room=st.sampled_from([3, 9, 1000]),
    replica_sets_per_step=st.sampled_from([0, 1, 100]),
    event_s=st.sampled_from([0.05, 0.5, 3.0]),
    cap=st.sampled_from([None, 2, 8]),
    restart_every=st.sampled_from([0, 3, 17]),
    gateway_gap=st.integers(0, 40),
)
def test_any_history_converges(
    bursts: list[tuple[int, int]],
    room: int,
    replica_sets_per_step: int,
    event_s: float,
    cap: int | None,
    restart_every: int,
    gateway_gap: int,
) -> None:
    """Everything is served, nobody busy is killed, no reservation exceeded, zero at the end."""
    more = {} if cap is None else {"reservedConcurrentExecutions": cap}

    async def run() -> None:
        cluster = SimulatedCluster(
            "f",
            "g",
            room=room,
            replica_sets_per_step=replica_sets_per_step,
            event_s=event_s,
            **more,
        )
        steps = 0
        for count, pause in bursts:
            # As a gateway admits them: never more than are reserved.
            for gateway in cluster.gateways.values():
                busy = sum(
                    environment.state == "busy" for environment in gateway.environments.values()
                )
                limit = count if cap is None else max(0, cap - busy - gateway.waiting)
                gateway.waiting += min(count, limit)
            for _ in range(pause):
                steps += 1
                cluster.are_gateways_up = not 5 <= steps <= 5 + gateway_gap
                await cluster.step()
                if cap is not None:
                    assert len(cluster.live("f")) <= cap
                if restart_every and steps % restart_every == 0:
                    cluster.restart()
        cluster.are_gateways_up = True
        # As long as the work takes in the room that there is, and time to begin with.
        events = len(cluster.gateways) * sum(count for count, _ in bursts)
        end = cluster.now + 60 + events * event_s / min(room, 9)
        while cluster.now < end and any(gateway.waiting for gateway in cluster.gateways.values()):
            await cluster.step()
        assert all(gateway.waiting == 0 for gateway in cluster.gateways.values())
        await cluster.steps(STARTING_S + 5)
        assert cluster.pending() == [], "nobody waits for it any more"
        await cluster.steps(IDLE_S + 20, 1.0)
        assert cluster.replicas() == 0
        assert cluster.pods() == []
        assert cluster.killed_busy == []

    asyncio.run(run())
