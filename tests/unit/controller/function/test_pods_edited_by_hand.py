"""F33: what hands change of what the controller made: pods, and objects that lose our label.

Whatever was done, the controller ends with the objects as they should be, and the environments that
run are as they were.
"""

import pytest

from kubelambda.kube.errors import UnavailableError
from kubelambda.kube.paths import (
    DEPLOYMENTS,
    PODS,
    Resource,
)
from kubelambda.kube.resources import labels
from unit.controller.controlled_cluster import (
    NAMESPACE,
    ControlledCluster,
)
from unit.controller.function.edited_cluster import (
    Deed,
    lose_function_label,
    lose_labels,
    lose_owner,
)

POD_DEEDS: list[tuple[str, Deed]] = [
    ("its function's label removed", lose_function_label),
    ("its owner removed", lose_owner),
    (
        "moved out of the NetworkPolicy",
        lambda manifest: manifest["metadata"]["labels"].update({labels.NETWORK: "other"}),
    ),
    ("all labels removed", lose_labels),
]


@pytest.mark.parametrize(
    "deed", [case[1] for case in POD_DEEDS], ids=[case[0] for case in POD_DEEDS]
)
async def test_a_pod_that_nobody_counts_any_more_goes(
    cluster: ControlledCluster, deed: Deed
) -> None:
    """It finishes what it runs (the grace time), and the ReplicaSet makes another."""
    stray, other = (pod["metadata"]["name"] for pod in cluster.api.find_all(PODS))
    cluster.api.edit(PODS, NAMESPACE, stray, deed)
    await cluster.settle()
    assert "deletionTimestamp" not in cluster.find(PODS, stray)["metadata"], "it may pass"
    await cluster.pass_time(10)
    assert "deletionTimestamp" in cluster.find(PODS, stray)["metadata"]
    assert "deletionTimestamp" not in cluster.find(PODS, other)["metadata"]


async def test_a_pod_that_is_taken_back_in_time_stays(cluster: ControlledCluster) -> None:
    """ReplicaSets take back pods without an owner whose labels they select."""
    pod, _ = cluster.api.find_all(PODS)
    name, owners = pod["metadata"]["name"], pod["metadata"]["ownerReferences"]
    cluster.api.edit(PODS, NAMESPACE, name, lose_owner)
    await cluster.settle()
    cluster.api.edit(PODS, NAMESPACE, name, {"metadata": {"ownerReferences": owners}})
    await cluster.pass_time(30)
    assert cluster.api.writes == []


@pytest.mark.parametrize("resource", [DEPLOYMENTS, PODS], ids=lambda resource: str(resource.kind))
async def test_what_lost_the_label_of_our_watches_is_taken_back(
    cluster: ControlledCluster, resource: Resource
) -> None:
    """Its watch calls that a deletion."""
    name = cluster.api.find_all(resource)[0]["metadata"]["name"]
    change = {"metadata": {"labels": {labels.MANAGED_BY: None}}}
    cluster.api.edit(resource, NAMESPACE, name, change)
    await cluster.settle()
    found = cluster.find(resource, name)
    assert found["metadata"]["labels"][labels.MANAGED_BY] == labels.MANAGER
    assert cluster.api.find_all(resource)[0]["metadata"]["uid"] == found["metadata"]["uid"]


@pytest.mark.parametrize("verb", ["get", "patch"])
async def test_what_lost_its_label_is_not_forgotten_when_a_request_fails(
    cluster: ControlledCluster, verb: str
) -> None:
    names = [pod["metadata"]["name"] for pod in cluster.api.find_all(PODS)]
    for name in names:
        cluster.api.edit(PODS, NAMESPACE, name, {"metadata": {"labels": {labels.MANAGED_BY: None}}})
    cluster.api.fail_next(verb, "pods", UnavailableError("no answer"))
    with pytest.raises(UnavailableError):
        await cluster.settle()
    await cluster.settle()
    found = [cluster.find(PODS, name)["metadata"]["labels"] for name in names]
    assert [pod_labels.get(labels.MANAGED_BY) for pod_labels in found] == [
        labels.MANAGER,
        labels.MANAGER,
    ]
