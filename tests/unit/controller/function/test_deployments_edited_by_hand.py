"""F33: what hands change of what the controller made: Deployments.

Whatever was done, the controller ends with the objects as they should be, and the environments that
run are as they were.
"""

import copy

import pytest

from kubelambda.kube.api import Manifest
from kubelambda.kube.paths import (
    DEPLOYMENTS,
    FUNCTIONS,
    PODS,
    Resource,
)
from kubelambda.kube.resources import labels
from unit.controller.controlled_cluster import (
    NAMESPACE,
    ControlledCluster,
    make_function,
)
from unit.controller.function.edited_cluster import (
    Deed,
    essence,
    lose_function_label,
    lose_labels,
    lose_owner,
    uid_of,
)


def container_of(deployment: Manifest) -> Manifest:
    found: Manifest = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def add_variable(one: Manifest) -> None:
    container_of(one)["env"].append({"name": "ADDED", "value": "by hand"})


def change_variable(one: Manifest) -> None:
    container_of(one)["env"][0]["value"] = "elsewhere:9001"


def remove_variable(one: Manifest) -> None:
    container_of(one)["env"].pop(0)


def add_container(one: Manifest) -> None:
    containers = one["spec"]["template"]["spec"]["containers"]
    containers.append({"name": "side", "image": "x"})


def remove_volume(one: Manifest) -> None:
    one["spec"]["template"]["spec"]["volumes"].pop(0)


def weaken_security(one: Manifest) -> None:
    container_of(one)["securityContext"]["readOnlyRootFilesystem"] = False


def add_pod_label(one: Manifest) -> None:
    one["spec"]["template"]["metadata"]["labels"]["more"] = "x"


def leave_the_policy(one: Manifest) -> None:
    del one["spec"]["template"]["metadata"]["labels"][labels.NETWORK]


def restart_rollout(one: Manifest) -> None:
    one["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "x"}


def add_node_selector(one: Manifest) -> None:
    one["spec"]["template"]["spec"]["nodeSelector"] = {"a": "b"}


def pause(one: Manifest) -> None:
    one["spec"]["paused"] = True


def recreate(one: Manifest) -> None:
    one["spec"]["strategy"] = {"type": "Recreate"}


DEPLOYMENT_DEEDS: list[Deed] = [
    add_variable,
    change_variable,
    remove_variable,
    add_container,
    remove_volume,
    weaken_security,
    add_pod_label,
    leave_the_policy,
    restart_rollout,
    add_node_selector,
    pause,
    recreate,
    lose_labels,
    lose_function_label,
    lose_owner,
]


def by_name(deed: object) -> str:
    return getattr(deed, "__name__", repr(deed)).replace("_", " ")


@pytest.mark.parametrize("deed", DEPLOYMENT_DEEDS, ids=by_name)
async def test_an_edited_deployment_is_as_it_was(cluster: ControlledCluster, deed: Deed) -> None:
    name = cluster.rendered().deployment["metadata"]["name"]
    before = cluster.find(DEPLOYMENTS, name)
    pods = cluster.api.find_all(PODS)
    cluster.api.edit(DEPLOYMENTS, NAMESPACE, name, deed)
    await cluster.settle()
    after = cluster.find(DEPLOYMENTS, name)
    assert essence(after) == essence(before)
    assert after["spec"]["replicas"] == 2
    assert cluster.api.find_all(PODS) == pods, "busy environments are undisturbed"
    cluster.api.calls.clear()
    await cluster.restart()
    await cluster.settle()
    assert cluster.api.writes == [], "and that is the end of it"


async def test_replicas_are_the_scalers_even_while_something_else_is_repaired(
    cluster: ControlledCluster,
) -> None:
    name = cluster.rendered().deployment["metadata"]["name"]

    def raise_and_change(one: Manifest) -> None:
        one["spec"]["replicas"] = 5
        add_variable(one)

    cluster.api.edit(DEPLOYMENTS, NAMESPACE, name, raise_and_change)
    await cluster.settle()
    assert cluster.find(DEPLOYMENTS, name)["spec"]["replicas"] == 5


async def test_what_a_webhook_adds_to_every_write_is_left_to_it(
    cluster: ControlledCluster,
) -> None:
    """One write for what hands have changed, and no quarrel with the webhook."""
    name = cluster.rendered().deployment["metadata"]["name"]

    def insist(resource: Resource, manifest: Manifest) -> None:
        if resource == DEPLOYMENTS:
            manifest["spec"]["template"]["metadata"]["annotations"] = {"by": "hook"}
            container_of(manifest)["imagePullPolicy"] = "Always"

    cluster.api.admit(insist)
    cluster.api.edit(DEPLOYMENTS, NAMESPACE, name, add_variable)
    await cluster.settle()
    assert len(cluster.api.writes) == 1
    for value in ("a", "b", "c"):
        cluster.api.edit(DEPLOYMENTS, NAMESPACE, name, {"metadata": {"annotations": {"a": value}}})
        await cluster.settle()
    assert len(cluster.api.writes) == 1
    assert "ADDED" not in str(cluster.find(DEPLOYMENTS, name))


async def test_an_apply_of_the_same_content_by_hand_costs_one_write_at_most(
    cluster: ControlledCluster,
) -> None:
    """Its fields are somebody else's too then, and say the same."""
    name = cluster.rendered().deployment["metadata"]["name"]
    applied = copy.deepcopy(cluster.rendered().deployment)
    await cluster.api.apply(DEPLOYMENTS, NAMESPACE, applied, manager="argocd")
    cluster.api.calls.clear()
    for value in ("a", "b", "c"):
        cluster.api.edit(DEPLOYMENTS, NAMESPACE, name, {"metadata": {"annotations": {"a": value}}})
        await cluster.settle()
    assert len(cluster.api.writes) <= 1


async def test_an_edited_deployment_waits_for_its_turn_behind_many(
    cluster: ControlledCluster,
) -> None:
    """Each repair is work for the controller manager: at a pace, and every one of them."""
    for number in range(30):
        cluster.api.seed(FUNCTIONS, make_function(f"f{number}"))
    await cluster.settle()
    names = []
    for number in range(30):
        cluster.make_environment(f"f{number}")
        names.append(cluster.rendered(f"f{number}").deployment["metadata"]["name"])
    await cluster.settle()
    cluster.api.calls.clear()
    for name in names:
        cluster.api.edit(DEPLOYMENTS, NAMESPACE, name, pause)
    await cluster.settle()
    at_once = len(cluster.api.writes)
    await cluster.pass_time(10)
    assert at_once == 20
    assert len(cluster.api.writes) == 30
    assert not any(
        deployment["spec"].get("paused") for deployment in cluster.api.find_all(DEPLOYMENTS)
    )


async def test_pods_that_have_lost_their_deployment_get_it_back(
    cluster: ControlledCluster,
) -> None:
    """kubectl delete --cascade=orphan: it must be possible to scale them down again."""
    name = cluster.rendered().deployment["metadata"]["name"]
    pods = cluster.api.find_all(PODS)
    cluster.api.remove(DEPLOYMENTS, NAMESPACE, name)
    await cluster.settle()
    assert cluster.api.find(DEPLOYMENTS, NAMESPACE, name) is None, "its pods may be going too"
    await cluster.pass_time(10)
    assert cluster.find(DEPLOYMENTS, name)["spec"]["replicas"] == 2
    assert cluster.api.find_all(PODS) == pods


async def test_a_deployment_that_is_deleted_with_its_pods_is_left_to_demand(
    cluster: ControlledCluster,
) -> None:
    name = cluster.rendered().deployment["metadata"]["name"]
    cluster.api.remove(DEPLOYMENTS, NAMESPACE, name)
    for pod in cluster.api.find_all(PODS):
        cluster.api.edit(
            PODS, NAMESPACE, pod["metadata"]["name"], {"metadata": {"deletionTimestamp": "now"}}
        )
    await cluster.pass_time(30)
    assert cluster.api.find_all(DEPLOYMENTS) == []
    assert cluster.revisions.revision_of(uid_of(cluster)) != ""
