"""FAULTS F33: what hands change of what the controller made, kind by kind and deed by deed.

Whatever was done, the controller ends with the objects as they should be, and the environments that
run are as they were.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from kubelambda.kube.api import Manifest
from kubelambda.kube.errors import ForbiddenError, UnavailableError
from kubelambda.kube.paths import (
    DEPLOYMENTS,
    FUNCTIONS,
    NETWORK_POLICIES,
    PODS,
    RUNTIMES,
    SECRETS,
    Resource,
)
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.network_policy import POLICY_NAME
from unit.controller.controlled_cluster import (
    NAMESPACE,
    RUNTIME,
    ControlledCluster,
    make_function,
)

Deed = Callable[[Manifest], object]


@pytest.fixture
async def cluster() -> ControlledCluster:
    """One function with two busy environments, everything as it should be."""
    made = ControlledCluster((FUNCTIONS, make_function()))
    await made.settle()
    made.make_environment(replicas=2)
    await made.settle()
    made.api.calls.clear()
    return made


def essence(manifest: Manifest) -> Any:
    """What hands can change, without what the API server counts."""
    metadata = manifest["metadata"]
    kept = {key: metadata.get(key) for key in ("name", "labels", "ownerReferences")}
    return {**{k: v for k, v in manifest.items() if k not in ("metadata", "status")}, "m": kept}


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


def lose_labels(one: Manifest) -> None:
    del one["metadata"]["labels"]


def lose_function_label(one: Manifest) -> None:
    del one["metadata"]["labels"][labels.FUNCTION_UID]


def lose_owner(one: Manifest) -> None:
    del one["metadata"]["ownerReferences"]


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
    assert not any(one["spec"].get("paused") for one in cluster.api.find_all(DEPLOYMENTS))


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


def uid_of(cluster: ControlledCluster, name: str = "hello") -> str:
    found: str = cluster.find(FUNCTIONS, name)["metadata"]["uid"]
    return found


POD_DEEDS: list[tuple[str, Deed]] = [
    ("its function's label removed", lose_function_label),
    ("its owner removed", lose_owner),
    (
        "moved out of the NetworkPolicy",
        lambda one: one["metadata"]["labels"].update({labels.NETWORK: "other"}),
    ),
    ("all labels removed", lose_labels),
]


@pytest.mark.parametrize("deed", [one[1] for one in POD_DEEDS], ids=[one[0] for one in POD_DEEDS])
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


@pytest.mark.parametrize("resource", [DEPLOYMENTS, PODS], ids=lambda one: str(one.kind))
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
    names = [one["metadata"]["name"] for one in cluster.api.find_all(PODS)]
    for name in names:
        cluster.api.edit(PODS, NAMESPACE, name, {"metadata": {"labels": {labels.MANAGED_BY: None}}})
    cluster.api.fail_next(verb, "pods", UnavailableError("no answer"))
    with pytest.raises(UnavailableError):
        await cluster.settle()
    await cluster.settle()
    found = [cluster.find(PODS, name)["metadata"]["labels"] for name in names]
    assert [one.get(labels.MANAGED_BY) for one in found] == [labels.MANAGER, labels.MANAGER]


async def test_a_key_secret_is_there_again_before_the_next_environment(
    cluster: ControlledCluster,
) -> None:
    """The scaler asks for it when it makes the first environment of a function."""
    rendered = cluster.rendered()
    before = cluster.find(SECRETS, rendered.key_secret_name)
    cluster.api.remove(SECRETS, NAMESPACE, rendered.key_secret_name)
    cluster.now_s += 3600
    await cluster.key_secrets.ensure(NAMESPACE, rendered)
    after = cluster.find(SECRETS, rendered.key_secret_name)
    assert after["data"] == before["data"], "the same key: environments that run keep their link"
    await cluster.key_secrets.ensure(NAMESPACE, rendered)
    creates = [one for one in cluster.api.calls if one.resource == "secrets"]
    assert len(creates) == 1, "one that was just there is not asked for again"


def edit_statuses(cluster: ControlledCluster, change: Manifest | Deed) -> None:
    """What a kubelet says of every pod."""
    for pod in cluster.api.find_all(PODS):
        name = pod["metadata"]["name"]
        cluster.api.edit(PODS, NAMESPACE, name, change, subresource="status")


async def test_a_key_secret_is_there_again_when_a_deployment_starts_another_pod(
    cluster: ControlledCluster,
) -> None:
    """Nobody asked the scaler for it, and a kubelet that remembers the Secret misses nothing."""
    name = cluster.rendered().key_secret_name
    cluster.now_s += 3600
    cluster.api.remove(SECRETS, NAMESPACE, name)
    edit_statuses(cluster, {"status": {"phase": "Pending"}})
    await cluster.settle()
    assert cluster.api.find(SECRETS, NAMESPACE, name) is not None


def miss_key(pod: Manifest, name: str) -> None:
    waiting = {"reason": "CreateContainerConfigError", "message": f'secret "{name}" not found'}
    pod["status"] = {
        "phase": "Pending",
        "containerStatuses": [{"name": "function", "state": {"waiting": waiting}}],
    }


async def test_a_key_secret_that_a_pod_misses_is_made_again_and_nobody_is_blamed(
    cluster: ControlledCluster,
) -> None:
    name = cluster.rendered().key_secret_name
    cluster.now_s += 3600
    cluster.api.remove(SECRETS, NAMESPACE, name)
    edit_statuses(cluster, lambda one: miss_key(one, name))
    await cluster.settle()
    assert cluster.api.find(SECRETS, NAMESPACE, name) is not None
    await cluster.pass_time(60)
    assert cluster.condition() == ("True", "Ready", "Scales from zero on demand.")


async def test_a_key_secret_that_cannot_be_made_is_said_in_the_api_servers_words(
    cluster: ControlledCluster,
) -> None:
    name = cluster.rendered().key_secret_name
    cluster.now_s += 3600
    cluster.api.remove(SECRETS, NAMESPACE, name)
    cluster.api.refuse("create", "secrets", ForbiddenError("secrets is forbidden: no more of them"))
    pod = cluster.api.find_all(PODS)[0]["metadata"]["name"]
    cluster.api.edit(PODS, NAMESPACE, pod, lambda one: miss_key(one, name), subresource="status")
    await cluster.settle()
    status, reason, message = cluster.condition()
    assert (status, reason) == ("False", "Refused")
    assert "no more of them" in message
    assert "valuesFrom" not in message
    cluster.api.permit()
    await cluster.pass_time(60)
    assert cluster.condition()[0] == "True"


async def test_a_secret_of_the_owners_that_is_missing_is_still_the_owners(
    cluster: ControlledCluster,
) -> None:
    edit_statuses(cluster, lambda one: miss_key(one, "database"))
    await cluster.pass_time(60)
    status, reason, message = cluster.condition()
    assert (status, reason) == ("False", "ContainerConfigError")
    assert "'database', which environment.valuesFrom names" in message


POLICY_DEEDS: list[tuple[str, Deed]] = [
    ("another way out", lambda one: one["spec"]["egress"].append({})),
    ("no rules at all", lambda one: one["spec"].update({"egress": []})),
    ("a way in", lambda one: one["spec"].update({"ingress": [{}]})),
    ("other pods", lambda one: one["spec"].update({"podSelector": {"matchLabels": {"a": "b"}}})),
    ("only one direction", lambda one: one["spec"].update({"policyTypes": ["Ingress"]})),
    ("its labels removed", lose_labels),
    (
        "its labels removed and a way in",
        lambda one: (lose_labels(one), one["spec"].update({"ingress": [{}]})),
    ),
]


@pytest.mark.parametrize(
    "deed", [one[1] for one in POLICY_DEEDS], ids=[one[0] for one in POLICY_DEEDS]
)
async def test_an_edited_policy_is_as_it_was(cluster: ControlledCluster, deed: Deed) -> None:
    before = cluster.find(NETWORK_POLICIES, POLICY_NAME)
    cluster.api.edit(NETWORK_POLICIES, NAMESPACE, POLICY_NAME, deed)
    await cluster.settle()
    assert essence(cluster.find(NETWORK_POLICIES, POLICY_NAME)) == essence(before)
    cluster.api.calls.clear()
    await cluster.restart()
    await cluster.settle()
    assert cluster.api.writes == []


async def test_a_deleted_policy_is_there_again(cluster: ControlledCluster) -> None:
    before = cluster.find(NETWORK_POLICIES, POLICY_NAME)
    cluster.api.remove(NETWORK_POLICIES, NAMESPACE, POLICY_NAME)
    await cluster.settle()
    assert essence(cluster.find(NETWORK_POLICIES, POLICY_NAME)) == essence(before)


STATUS_DEEDS: list[tuple[str, Deed]] = [
    ("no status", lambda one: one.pop("status")),
    ("not ready", lambda one: one["status"]["conditions"][0].update({"status": "False"})),
    ("no conditions", lambda one: one["status"].update({"conditions": []})),
    ("conditions of another type", lambda one: one["status"].update({"conditions": [{}]})),
    ("another revision", lambda one: one["status"].update({"revision": "0123456789"})),
    ("another Secret", lambda one: one["status"].update({"keySecretName": "mine"})),
    ("another digest", lambda one: one["status"].update({"codeSha256": "x"})),
    ("an older generation", lambda one: one["status"].update({"observedGeneration": 0})),
]


@pytest.mark.parametrize(
    "deed", [one[1] for one in STATUS_DEEDS], ids=[one[0] for one in STATUS_DEEDS]
)
async def test_an_edited_status_is_as_it_was(cluster: ControlledCluster, deed: Deed) -> None:
    before = cluster.find(FUNCTIONS, "hello")["status"]
    pods = cluster.api.find_all(PODS)
    cluster.api.edit(FUNCTIONS, NAMESPACE, "hello", deed, subresource="status")
    cluster.api.edit(FUNCTIONS, NAMESPACE, "hello", {"metadata": {"labels": {"a": "b"}}})
    await cluster.settle()
    after = cluster.find(FUNCTIONS, "hello")["status"]
    assert without_moments(after) == without_moments(before)
    assert cluster.api.find_all(PODS) == pods
    assert cluster.revisions.revision_of(uid_of(cluster)) == before["revision"]


def without_moments(status: Manifest) -> Manifest:
    kept = copy.deepcopy(status)
    for one in kept["conditions"]:
        del one["lastTransitionTime"]
    return kept


async def test_a_function_that_is_made_again_at_once_is_another_one(
    cluster: ControlledCluster,
) -> None:
    former, old = uid_of(cluster), cluster.rendered()
    cluster.api.remove(FUNCTIONS, NAMESPACE, "hello")
    cluster.api.seed(FUNCTIONS, make_function())
    cluster.api.collect_garbage()
    await cluster.settle()
    assert uid_of(cluster) != former
    assert cluster.revisions.find(former) is None, "nothing is made for the old one any more"
    assert cluster.rendered().key_secret_name != old.key_secret_name
    assert cluster.condition()[0] == "True"
    secrets = [one["metadata"]["name"] for one in cluster.api.find_all(SECRETS)]
    assert secrets == [cluster.rendered().key_secret_name]


async def test_the_late_news_of_a_deletion_does_not_hide_the_successor(
    cluster: ControlledCluster,
) -> None:
    """kopf tells of each uid by itself, in whatever order."""
    old = cluster.find(FUNCTIONS, "hello")
    cluster.api.remove(FUNCTIONS, NAMESPACE, "hello")
    cluster.api.seed(FUNCTIONS, make_function())
    cluster.intake.drop(FUNCTIONS.plural, old)
    await cluster.settle()
    assert cluster.condition()[0] == "True"


async def test_another_runtime_is_another_revision_and_environments_go_on(
    cluster: ControlledCluster,
) -> None:
    before, pods = cluster.rendered(), cluster.api.find_all(PODS)
    cluster.api.edit(RUNTIMES, "", "python3.13", {"spec": {"image": "registry.example/other"}})
    await cluster.settle()
    after = cluster.rendered()
    assert after.revision != before.revision
    assert cluster.find(FUNCTIONS, "hello")["status"]["revision"] == after.revision
    assert cluster.api.find_all(PODS) == pods
    old = cluster.find(DEPLOYMENTS, before.deployment["metadata"]["name"])
    assert old["spec"]["replicas"] == 2, "the scaler drains it"


async def test_a_runtime_that_is_removed_while_in_use_is_said_and_environments_go_on(
    cluster: ControlledCluster,
) -> None:
    before, pods = cluster.rendered(), cluster.api.find_all(PODS)
    cluster.api.remove(RUNTIMES, "", "python3.13")
    await cluster.settle()
    status, reason, message = cluster.condition()
    assert (status, reason) == ("False", "RuntimeNotFound")
    assert "python3.13" in message
    assert cluster.api.find_all(PODS) == pods
    assert len(cluster.api.find_all(DEPLOYMENTS)) == 1
    cluster.api.seed(RUNTIMES, RUNTIME)
    await cluster.settle()
    assert cluster.condition()[0] == "True"
    assert cluster.rendered().revision == before.revision
