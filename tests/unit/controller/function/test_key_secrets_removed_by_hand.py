"""F33: what hands change of what the controller made: key Secrets.

Whatever was done, the controller ends with the objects as they should be, and the environments that
run are as they were.
"""

from kubelambda.kube.api import Manifest
from kubelambda.kube.errors import ForbiddenError
from kubelambda.kube.paths import (
    PODS,
    SECRETS,
)
from unit.controller.controlled_cluster import (
    NAMESPACE,
    ControlledCluster,
)
from unit.controller.function.edited_cluster import Deed


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
    creates = [call for call in cluster.api.calls if call.resource == "secrets"]
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
    edit_statuses(cluster, lambda manifest: miss_key(manifest, name))
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
    cluster.api.edit(
        PODS, NAMESPACE, pod, lambda manifest: miss_key(manifest, name), subresource="status"
    )
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
    edit_statuses(cluster, lambda manifest: miss_key(manifest, "database"))
    await cluster.pass_time(60)
    status, reason, message = cluster.condition()
    assert (status, reason) == ("False", "ContainerConfigError")
    assert "'database', which environment.valuesFrom names" in message
