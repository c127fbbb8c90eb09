"""F3: a controller that is killed after any of its requests; the next one ends the same way.

Each scenario runs once undisturbed; then once for each of its requests, after which the process is
gone with all that it knew, and another one looks at everything.
"""

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kubelambda.kube.errors import UnavailableError
from kubelambda.kube.memory import Call, StoppedError
from kubelambda.kube.paths import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    FUNCTIONS,
    LAYERS,
    NETWORK_POLICIES,
    PODS,
    RUNTIMES,
    SECRETS,
)
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.network_policy import POLICY_NAME
from unit.controller.controlled_cluster import NAMESPACE, ControlledCluster, make_function

LAYER: dict[str, Any] = {
    "apiVersion": "kubelambda.io/v1alpha1",
    "kind": "LambdaLayer",
    "metadata": {"name": "libs-1", "namespace": NAMESPACE},
    "spec": {"layerName": "libs", "version": 1, "content": {"inline": {"python/a.py": "x"}}},
}
CODE = {"metadata": {"name": "code", "namespace": NAMESPACE}, "data": {"app.py": "x"}}
ENDING_S = 30.0

Scenario = tuple[Callable[[], Awaitable[ControlledCluster]], Callable[[ControlledCluster], None]]


async def nothing() -> ControlledCluster:
    return ControlledCluster()


async def one_function() -> ControlledCluster:
    cluster = ControlledCluster((FUNCTIONS, make_function()))
    await cluster.settle()
    return cluster


async def one_with_a_layer() -> ControlledCluster:
    cluster = ControlledCluster(
        (LAYERS, LAYER), (FUNCTIONS, make_function(layers=[{"name": "libs", "version": 1}]))
    )
    await cluster.settle()
    return cluster


async def two_of_one_name() -> ControlledCluster:
    cluster = await one_function()
    cluster.api.seed(FUNCTIONS, make_function("second", functionName="hello"))
    cluster.api.seed(LAYERS, LAYER)
    await cluster.settle()
    cluster.api.seed(LAYERS, {**LAYER, "metadata": {**LAYER["metadata"], "name": "libs-again"}})
    await cluster.settle()
    return cluster


async def one_scaled_to_zero() -> ControlledCluster:
    cluster = await one_function()
    cluster.make_environment(replicas=0)
    await cluster.settle()
    return cluster


async def one_with_environments() -> ControlledCluster:
    cluster = await one_function()
    cluster.make_environment(replicas=2)
    await cluster.settle()
    return cluster


def create_two(cluster: ControlledCluster) -> None:
    cluster.api.seed(LAYERS, LAYER)
    cluster.api.seed(CONFIG_MAPS, CODE)
    cluster.api.seed(FUNCTIONS, make_function(layers=[{"name": "libs", "version": 1}]))
    cluster.api.seed(FUNCTIONS, make_function("other", code={"configMapRef": {"name": "code"}}))


def change_code(cluster: ControlledCluster) -> None:
    change = {"spec": {"code": {"inline": {"app.py": "new"}}}}
    cluster.api.edit(FUNCTIONS, NAMESPACE, "hello", change)


def break_spec(cluster: ControlledCluster) -> None:
    cluster.api.edit(FUNCTIONS, NAMESPACE, "hello", {"spec": {"runtime": "cobol85"}})


def change_by_hand(cluster: ControlledCluster) -> None:
    (deployment,) = cluster.api.find_all(DEPLOYMENTS)
    name = deployment["metadata"]["name"]
    cluster.api.edit(DEPLOYMENTS, NAMESPACE, name, {"spec": {"paused": True}})
    allow_all = {"spec": {"ingress": [{}]}, "metadata": {"labels": None}}
    cluster.api.edit(NETWORK_POLICIES, NAMESPACE, POLICY_NAME, allow_all)


def delete_by_hand(cluster: ControlledCluster) -> None:
    (deployment,) = cluster.api.find_all(DEPLOYMENTS)
    cluster.api.remove(DEPLOYMENTS, NAMESPACE, deployment["metadata"]["name"])
    cluster.api.remove(NETWORK_POLICIES, NAMESPACE, POLICY_NAME)


def take_labels_away(cluster: ControlledCluster) -> None:
    """To watches and lists, the Deployment and its pods are deleted then."""
    for resource in (DEPLOYMENTS, PODS):
        for manifest in cluster.api.find_all(resource):
            change = {"metadata": {"labels": {labels.MANAGED_BY: None}}}
            cluster.api.edit(resource, NAMESPACE, manifest["metadata"]["name"], change)


def take_owners_away(cluster: ControlledCluster) -> None:
    for pod in cluster.api.find_all(PODS):
        change = {"metadata": {"ownerReferences": None, "labels": {labels.REVISION: None}}}
        cluster.api.edit(PODS, NAMESPACE, pod["metadata"]["name"], change)


def delete_the_layer_and_change_code(cluster: ControlledCluster) -> None:
    """The function goes on with the layer that its status remembers."""
    cluster.api.remove(LAYERS, NAMESPACE, "libs-1")
    change_code(cluster)


def delete_the_runtime(cluster: ControlledCluster) -> None:
    cluster.api.remove(RUNTIMES, "", "python3.13")


def delete_the_rightful(cluster: ControlledCluster) -> None:
    """The objects that come second are the function and the layer version from now on."""
    cluster.api.remove(FUNCTIONS, NAMESPACE, "hello")
    cluster.api.remove(LAYERS, NAMESPACE, "libs-1")
    cluster.api.collect_garbage()


def delete_the_last(cluster: ControlledCluster) -> None:
    cluster.api.remove(FUNCTIONS, NAMESPACE, "hello")
    cluster.api.collect_garbage()


SCENARIOS: list[Scenario] = [
    (nothing, create_two),
    (one_scaled_to_zero, change_code),
    (one_function, break_spec),
    (one_with_environments, change_by_hand),
    (one_with_environments, delete_by_hand),
    (one_with_environments, take_owners_away),
    (one_with_a_layer, delete_the_layer_and_change_code),
    (one_function, delete_the_runtime),
    (two_of_one_name, delete_the_rightful),
    (one_function, delete_the_last),
]
ONLY_WATCHED: list[Scenario] = [(one_with_environments, take_labels_away)]
"""Where a controller that was not there when it happened does not know."""


def describe(cluster: ControlledCluster) -> list[Any]:
    """All objects, without what differs from try to try."""
    kinds = (FUNCTIONS, LAYERS, DEPLOYMENTS, PODS, NETWORK_POLICIES, SECRETS)
    return [_describe(manifest) for kind in kinds for manifest in cluster.api.find_all(kind)]


def _describe(manifest: dict[str, Any]) -> dict[str, Any]:
    described = copy.deepcopy(manifest)
    metadata = described["metadata"]
    for key in (
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "deletionTimestamp",
    ):
        metadata.pop(key, None)
    for condition in (described.get("status") or {}).get("conditions") or ():
        condition.pop("lastTransitionTime", None)
    return described


@pytest.mark.parametrize(
    ("prepare", "deed"),
    SCENARIOS,
    ids=[scenario[1].__name__.replace("_", " ") for scenario in SCENARIOS],
)
async def test_stopped_after_any_request_and_started_again_it_ends_the_same(
    prepare: Callable[[], Awaitable[ControlledCluster]],
    deed: Callable[[ControlledCluster], None],
) -> None:
    undisturbed = await prepare()
    before = len(undisturbed.api.calls)
    deed(undisturbed)
    await undisturbed.pass_time(ENDING_S)
    requests = len(undisturbed.api.calls) - before
    expected = describe(undisturbed)
    assert requests > 0
    for number in range(1, requests + 1):
        cluster = await prepare()
        deed(cluster)
        cluster.api.stop_after(number)
        with pytest.raises(StoppedError):
            await cluster.pass_time(ENDING_S)
        cluster.api.stop_after(None)
        await cluster.restart()
        await cluster.pass_time(ENDING_S)
        assert describe(cluster) == expected, f"stopped after request {number}"
        cluster.api.calls.clear()
        await cluster.restart()
        await cluster.pass_time(ENDING_S)
        assert cluster.api.writes == [], "a restart writes nothing"


@pytest.mark.parametrize(
    ("prepare", "deed"),
    SCENARIOS + ONLY_WATCHED,
    ids=[scenario[1].__name__.replace("_", " ") for scenario in SCENARIOS + ONLY_WATCHED],
)
async def test_events_that_come_late_and_twice_change_nothing(
    prepare: Callable[[], Awaitable[ControlledCluster]],
    deed: Callable[[ControlledCluster], None],
) -> None:
    """A watch that has fallen behind tells of our own writes when they are old already."""
    in_time = await prepare()
    deed(in_time)
    await in_time.pass_time(ENDING_S)
    late = await prepare()
    deed(late)
    late.hold_events()
    await late.pass_time(ENDING_S)
    late.release_events(times=2)
    late.api.calls.clear()
    await late.pass_time(ENDING_S)
    assert describe(late) == describe(in_time)
    assert late.api.writes == []


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done, and not answered"])
async def test_a_request_without_an_answer_is_repeated(after: bool) -> None:
    """Nothing is known about it then: the repeated one meets what the first has left."""
    undisturbed = ControlledCluster()
    create_two(undisturbed)
    await undisturbed.settle()
    writes = [(write.verb, write.resource) for write in undisturbed.api.writes]
    for verb, resource in dict.fromkeys(writes):
        cluster = ControlledCluster()
        create_two(cluster)
        cluster.api.fail_next(verb, resource, UnavailableError("no answer"), after=after)
        await settle_with_retries(cluster)
        assert describe(cluster) == describe(undisturbed), f"{verb} {resource}"


async def settle_with_retries(cluster: ControlledCluster) -> None:
    """As the workers do: what failed is looked at again."""
    while cluster.keys:
        key = next(iter(cluster.keys))
        try:
            await cluster.settle()
        except UnavailableError:
            cluster.keys[key] = None


async def test_a_deployment_that_is_raised_meanwhile_is_not_removed() -> None:
    """18: old ones go when they are empty, and only as they were looked at."""
    cluster = await one_scaled_to_zero()
    (deployment,) = cluster.api.find_all(DEPLOYMENTS)
    name = deployment["metadata"]["name"]

    def raise_it(call: Call) -> None:
        if call.verb == "delete":
            cluster.api.edit(DEPLOYMENTS, NAMESPACE, name, {"spec": {"replicas": 1}})

    cluster.api.on_call = raise_it
    change_code(cluster)
    await cluster.pass_time(ENDING_S)
    assert cluster.find(DEPLOYMENTS, name)["spec"]["replicas"] == 1


async def test_a_thousand_functions_rendered_anew_touch_no_deployment_but_old_empty_ones() -> None:
    """18: an upgrade of ours makes none, and removes at a pace."""
    count = 60
    cluster = ControlledCluster()
    for number in range(count):
        cluster.api.seed(FUNCTIONS, make_function(f"f{number}"))
    await cluster.settle()
    assert cluster.api.find_all(DEPLOYMENTS) == []
    for number in range(count):
        cluster.make_environment(f"f{number}", replicas=0)
    await cluster.settle()
    cluster.api.calls.clear()
    cluster.api.edit(RUNTIMES, "", "python3.13", {"spec": {"image": "registry.example/newer"}})
    await cluster.settle()
    at_once = [write for write in cluster.api.writes if write.resource == "deployments"]
    assert {call.verb for call in at_once} == {"delete"}
    assert len(at_once) == 10, "as many as the pace allows at once"
    await cluster.pass_time(10)
    removed = [write for write in cluster.api.writes if write.resource == "deployments"]
    assert 25 <= len(removed) <= 31, "two a second"
    await cluster.pass_time(20)
    assert cluster.api.find_all(DEPLOYMENTS) == []
