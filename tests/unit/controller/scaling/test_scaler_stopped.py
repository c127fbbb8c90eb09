"""F3: a scaler that is killed after any of its requests; the next one comes to the same end.

Each scenario runs once undisturbed; then once for each of its requests, after which the process is
gone with all that it knew, and another one reads the cluster anew.
"""

from collections.abc import Awaitable, Callable

import pytest

from kubelambda.kube.errors import ForbiddenError
from unit.controller.scaling.simulated_cluster import IDLE_S, SimulatedCluster

STOPPED_S = 0.5
"""For how long nobody scales."""

Prepare = Callable[[], Awaitable[SimulatedCluster]]


async def many_wait() -> SimulatedCluster:
    """A Deployment is made for some of them, direct pods for the others."""
    cluster = SimulatedCluster("f", event_s=2, deployment_scale_per_s=2)
    cluster.gateway("f").waiting = 4
    return cluster


async def a_slow_replica_set_controller() -> SimulatedCluster:
    """What the Deployment owes is taken back from it and made directly."""
    cluster = SimulatedCluster("f", replica_sets_per_step=0, event_s=2)
    cluster.gateway("f").waiting = 2
    return cluster


async def idle_for_long() -> SimulatedCluster:
    """Replicas fall, direct pods are drained and deleted."""
    cluster = SimulatedCluster("f", event_s=0.5, deployment_scale_per_s=2)
    cluster.gateway("f").waiting = 4
    await cluster.steps(IDLE_S - 2, 0.5)
    assert cluster.pods()
    return cluster


async def others_have_the_room() -> SimulatedCluster:
    """Idle environments of another function are drained."""
    cluster = SimulatedCluster("rich", "poor", room=3, event_s=0.3)
    cluster.gateway("rich").waiting = 3
    await cluster.steps(8, 0.5)
    cluster.gateway("poor").waiting = 1
    return cluster


async def replicas_set_by_somebody() -> SimulatedCluster:
    """They are put back; nobody busy is killed for them."""
    cluster = SimulatedCluster("f", event_s=4)
    cluster.gateway("f").waiting = 2
    await cluster.steps(2)
    cluster.scale_by_hand("f", 4)
    return cluster


async def a_quota_of_two() -> SimulatedCluster:
    cluster = SimulatedCluster("f", replica_sets_per_step=0, event_s=0.3)
    error = ForbiddenError('pods "f" is forbidden: exceeded quota: two, requested: pods=1')
    cluster.api.on_call = lambda call: cluster.refuse_beyond(2, call, error)
    cluster.gateway("f").waiting = 3
    return cluster


SCENARIOS: list[Prepare] = [
    many_wait,
    a_slow_replica_set_controller,
    idle_for_long,
    others_have_the_room,
    replicas_set_by_somebody,
    a_quota_of_two,
]


async def run_to_its_end(cluster: SimulatedCluster) -> None:
    """Until everything is served and everything idle has gone."""
    await cluster.steps(8, 0.5)
    await cluster.steps(IDLE_S + 12, 2.0)


def check_end(cluster: SimulatedCluster, events: int) -> None:
    assert sum(gateway.waiting for gateway in cluster.gateways.values()) == 0, "nothing is lost"
    assert sum(gateway.served for gateway in cluster.gateways.values()) == events
    assert cluster.killed_busy == []
    assert (cluster.replicas(), cluster.pods()) == (0, [])


def count_events(cluster: SimulatedCluster) -> int:
    return sum(
        gateway.waiting
        + gateway.served
        + sum(env.state == "busy" for env in gateway.environments.values())
        for gateway in cluster.gateways.values()
    )


@pytest.mark.parametrize(
    "prepare", SCENARIOS, ids=lambda scenario: scenario.__name__.replace("_", " ")
)
async def test_stopped_after_any_request_the_next_scaler_comes_to_the_same_end(
    prepare: Prepare, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    undisturbed = await prepare()
    before, events = len(undisturbed.api.calls), count_events(undisturbed)
    await run_to_its_end(undisturbed)
    check_end(undisturbed, events)
    requests = len(undisturbed.api.calls) - before
    assert requests > 2
    for number in range(1, requests + 1):
        cluster = await prepare()
        cluster.api.stop_after(number)
        # The process is gone at that request; what goes on until then is as it was.
        while len(cluster.api.calls) < before + number and cluster.now < undisturbed.now:
            await cluster.step(0.5)
        await cluster.steps(STOPPED_S)
        cluster.api.stop_after(None)
        cluster.restart()
        await run_to_its_end(cluster)
        check_end(cluster, events)
        made, expected = cluster.created.total(), undisturbed.created.total()
        assert made <= expected, f"something was made twice after request {number}"
