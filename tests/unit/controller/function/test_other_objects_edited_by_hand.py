"""F33: what hands change of what the controller made: policy, status, function, runtime.

Whatever was done, the controller ends with the objects as they should be, and the environments that
run are as they were.
"""

import copy

import pytest

from kubelambda.kube.api import Manifest
from kubelambda.kube.paths import (
    DEPLOYMENTS,
    FUNCTIONS,
    NETWORK_POLICIES,
    PODS,
    RUNTIMES,
    SECRETS,
)
from kubelambda.kube.resources.network_policy import POLICY_NAME
from unit.controller.controlled_cluster import (
    NAMESPACE,
    RUNTIME,
    ControlledCluster,
    make_function,
)
from unit.controller.function.edited_cluster import Deed, essence, lose_labels, uid_of

POLICY_DEEDS: list[tuple[str, Deed]] = [
    ("another way out", lambda manifest: manifest["spec"]["egress"].append({})),
    ("no rules at all", lambda manifest: manifest["spec"].update({"egress": []})),
    ("a way in", lambda manifest: manifest["spec"].update({"ingress": [{}]})),
    (
        "other pods",
        lambda manifest: manifest["spec"].update({"podSelector": {"matchLabels": {"a": "b"}}}),
    ),
    ("only one direction", lambda manifest: manifest["spec"].update({"policyTypes": ["Ingress"]})),
    ("its labels removed", lose_labels),
    (
        "its labels removed and a way in",
        lambda manifest: (lose_labels(manifest), manifest["spec"].update({"ingress": [{}]})),
    ),
]


@pytest.mark.parametrize(
    "deed", [case[1] for case in POLICY_DEEDS], ids=[case[0] for case in POLICY_DEEDS]
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
    ("no status", lambda manifest: manifest.pop("status")),
    ("not ready", lambda manifest: manifest["status"]["conditions"][0].update({"status": "False"})),
    ("no conditions", lambda manifest: manifest["status"].update({"conditions": []})),
    (
        "conditions of another type",
        lambda manifest: manifest["status"].update({"conditions": [{}]}),
    ),
    ("another revision", lambda manifest: manifest["status"].update({"revision": "0123456789"})),
    ("another Secret", lambda manifest: manifest["status"].update({"keySecretName": "mine"})),
    ("another digest", lambda manifest: manifest["status"].update({"codeSha256": "x"})),
    ("an older generation", lambda manifest: manifest["status"].update({"observedGeneration": 0})),
]


@pytest.mark.parametrize(
    "deed", [case[1] for case in STATUS_DEEDS], ids=[case[0] for case in STATUS_DEEDS]
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
    for condition in kept["conditions"]:
        del condition["lastTransitionTime"]
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
    secrets = [secret["metadata"]["name"] for secret in cluster.api.find_all(SECRETS)]
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
