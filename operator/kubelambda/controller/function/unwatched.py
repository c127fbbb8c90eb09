"""Takes back Deployments and pods that have left the watches because they lost our label.

Contract: idempotent. To a watch with a label selector, an object that loses the label is deleted;
so an object that left the watch without a deletionTimestamp is fetched, and labelled again.
LIMIT: what loses the label while no controller leads is not noticed.
"""

import logging

from kubelambda.controller.cache.store import Store
from kubelambda.controller.records.deployment_record import read_deployment
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import Key
from kubelambda.controller.records.pod_record import read_pod
from kubelambda.kube.api import KubeApi, Manifest
from kubelambda.kube.errors import ConflictError, NotFoundError
from kubelambda.kube.paths import PODS, Resource
from kubelambda.kube.resources import labels

logger = logging.getLogger(__name__)


async def relabel_unwatched(client: KubeApi, store: Store, record: FunctionRecord) -> None:
    """Label every such object of ``record`` again, and put it into the store."""
    for resource, key, uid in store.list_unwatched(record.uid):
        labelled = await _label(client, resource, key, uid)
        store.forget_unwatched(record.uid, resource, key, uid)
        if labelled is None:
            continue
        logger.info("%s: %s had lost its label; it was taken back", record.ref, key[1])
        if resource == PODS:
            store.put_pod(read_pod(labelled))
        else:
            store.put_deployment(read_deployment(labelled))


async def _label(client: KubeApi, resource: Resource, key: Key, uid: str) -> Manifest | None:
    """The object with our label; None if it has gone, or is about to."""
    content = {"metadata": {"uid": uid, "labels": {labels.MANAGED_BY: labels.MANAGER}}}
    try:
        found = await client.get(resource, *key)
        if found["metadata"]["uid"] != uid or "deletionTimestamp" in found["metadata"]:
            return None
        return await client.patch(resource, *key, content, manager=APPLY_MANAGER)
    except (NotFoundError, ConflictError):
        return None
