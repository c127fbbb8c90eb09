"""Writes of the scaler: Deployments and their replicas, direct pods, drain marks, deletions, sizes.

Contract: every write to an existing object carries the version or uid that it was decided on, so
that a late write meets a conflict instead of undoing a newer one. What was written is in the store
before the next decision.
"""

import logging
from collections.abc import Collection
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter

from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.deployment_writer import create_deployment
from kubelambda.controller.records.deployment_record import DeploymentRecord, read_deployment
from kubelambda.controller.records.field_managers import SCALE_MANAGER
from kubelambda.controller.records.pod_record import PodRecord, read_pod
from kubelambda.kube.api import STRATEGIC_PATCH, KubeApi, Manifest
from kubelambda.kube.errors import ConflictError, KubeError, NotFoundError
from kubelambda.kube.paths import DEPLOYMENTS, PODS
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.quantities import format_cpu

logger = logging.getLogger(__name__)


class PodWriter:
    """One write for each method; ``store`` learns what was written."""

    def __init__(self, client: KubeApi, store: Store, registry: CollectorRegistry) -> None:
        self._client = client
        self._store = store
        self._resized: set[str] = set()
        self._resize_failures = Counter(
            "kubelambda_controller_resize_failures",
            "Pods that keep their init CPU limit because the API server refused the resize.",
            registry=registry,
        )

    async def create_deployment(self, manifest: Manifest, replicas: int) -> None:
        """Create the Deployment of a revision; no error if it exists."""
        await create_deployment(self._client, self._store, manifest, replicas)

    async def create_pod(self, manifest: Manifest) -> PodRecord:
        """Create a direct pod."""
        namespace = manifest["metadata"]["namespace"]
        created = await self._client.create(PODS, namespace, manifest, manager=SCALE_MANAGER)
        pod = read_pod(created)
        self._store.put_pod(pod)
        return pod

    async def scale(self, deployment: DeploymentRecord, replicas: int) -> bool:
        """Set ``replicas``; False if the Deployment has changed since it was read."""
        namespace, name = deployment.key
        content = {
            "metadata": {"resourceVersion": deployment.version},
            "spec": {"replicas": replicas},
        }
        try:
            scaled = await self._client.patch(
                DEPLOYMENTS, namespace, name, content, manager=SCALE_MANAGER
            )
        except (ConflictError, NotFoundError) as error:
            logger.debug("%s/%s was not scaled: %s", namespace, name, error)
            return False
        self._store.put_deployment(read_deployment(scaled))
        return True

    async def mark_victim(self, pod: PodRecord) -> None:
        """Have the ReplicaSet remove this pod first; its gateway drains it from now on."""
        namespace, name = pod.key
        annotations = {labels.DELETION_COST: labels.VICTIM_COST}
        content = {"metadata": {"uid": pod.uid, "annotations": annotations}}
        try:
            marked = await self._client.patch(PODS, namespace, name, content, manager=SCALE_MANAGER)
        except (ConflictError, NotFoundError):
            return
        self._store.put_pod(read_pod(marked))

    async def delete(self, pod: PodRecord) -> None:
        """Delete this very pod; no error if it has gone."""
        with suppress(ConflictError, NotFoundError):
            await self._client.delete(PODS, *pod.key, uid=pod.uid)

    async def withdraw(self, pod: PodRecord) -> bool:
        """Delete this pod if it is as it was read; False if it has changed since."""
        try:
            await self._client.delete(PODS, *pod.key, uid=pod.uid, version=pod.version)
        except ConflictError:
            return False
        except NotFoundError:
            return True
        return True

    def forget_pods(self, present: Collection[str]) -> None:
        """Drop what is kept of all other pods; ``present`` holds uids."""
        self._resized.intersection_update(present)

    async def resize_cpu(self, pod: PodRecord, millis: int) -> None:
        """Lower the CPU limit in place. Tried once for each pod: the function works either way."""
        if pod.uid in self._resized:
            return
        self._resized.add(pod.uid)
        namespace, name = pod.key
        container = {
            "name": labels.FUNCTION_CONTAINER,
            "resources": {"limits": {"cpu": format_cpu(millis)}},
        }
        try:
            await self._client.patch(
                PODS,
                namespace,
                name,
                {"spec": {"containers": [container]}},
                manager=SCALE_MANAGER,
                subresource="resize",
                content_type=STRATEGIC_PATCH,
            )
        except KubeError as error:
            self._resize_failures.inc()
            logger.warning("%s/%s keeps its init CPU limit: %s", namespace, name, error)
