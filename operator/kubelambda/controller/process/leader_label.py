"""The label by which the internal Service finds the leader's pod.

Contract: idempotent. Outside a cluster this process has no pod, which is only logged. A new leader
removes the label from every other pod, since the old leader may be dead or stopped.
"""

import logging

from kubelambda.controller.records.field_managers import SCALE_MANAGER
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError, NotFoundError
from kubelambda.kube.paths import PODS
from kubelambda.kube.resources.labels import LEADER

logger = logging.getLogger(__name__)


async def claim_leader_label(client: KubeApi, namespace: str, pod_name: str) -> None:
    """Label our own pod, and no other pod of the release's namespace."""
    async for page in client.list_pages(PODS, namespace, label_selector=f"{LEADER}=true"):
        for pod in page:
            if pod["metadata"]["name"] != pod_name:
                await _label(client, namespace, pod["metadata"]["name"], None)
    if not await _label(client, namespace, pod_name, "true"):
        logger.info("no pod %s/%s to label: not running in the cluster", namespace, pod_name)


async def drop_leader_label(client: KubeApi, namespace: str, pod_name: str) -> None:
    """Remove the label from our own pod; after a failure the next leader removes it."""
    try:
        await _label(client, namespace, pod_name, None)
    except KubeError as error:
        logger.warning("cannot drop the leader's label: %s", error)


async def _label(client: KubeApi, namespace: str, pod_name: str, value: str | None) -> bool:
    content = {"metadata": {"labels": {LEADER: value}}}
    try:
        await client.patch(PODS, namespace, pod_name, content, manager=SCALE_MANAGER)
    except NotFoundError:
        return False
    return True
