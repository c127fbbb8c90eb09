"""Writes that keep Deployments as they should be; ``scaling.pod_writer`` has those that scale.

Contract: every write carries the version that it was decided on, so it never undoes something
newer, replicas least of all. What is written is in the store before the next decision. Repairs and
removals are limited in rate: each of them is work for the controller manager, whose 20 requests a
second are also needed for everybody's cold starts.
"""

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.rate_limiter import KeyedRateLimiter
from kubelambda.controller.records.deployment_record import DeploymentRecord, read_deployment
from kubelambda.controller.records.field_managers import APPLY_MANAGER, SCALE_MANAGER
from kubelambda.core.capacity.token_bucket import TokenBucket
from kubelambda.kube.api import JSON_PATCH, KubeApi, Manifest
from kubelambda.kube.errors import AlreadyExistsError, NotFoundError
from kubelambda.kube.paths import DEPLOYMENTS

logger = logging.getLogger(__name__)

REPAIRS_PER_S, REPAIRS_BURST = 5.0, 20.0
REMOVALS_PER_S, REMOVALS_BURST = 2.0, 10.0
_ACCEPTED_MAX = 1000


async def create_deployment(
    client: KubeApi, store: Store, manifest: Manifest, replicas: int
) -> None:
    """POST with ``replicas``; one that exists already is ours, and gets our labels back.

    Its replicas stay as they are then; the scaler raises them at its next look if need be.
    """
    namespace = manifest["metadata"]["namespace"]
    content = {**manifest, "spec": {**manifest["spec"], "replicas": replicas}}
    try:
        found = await client.create(DEPLOYMENTS, namespace, content, manager=SCALE_MANAGER)
    except AlreadyExistsError:
        found = await client.apply(DEPLOYMENTS, namespace, manifest, manager=APPLY_MANAGER)
    store.put_deployment(read_deployment(found))


class DeploymentWriter:
    """Restores, repairs and removes; returns the seconds to wait if the rate limit says so."""

    def __init__(self, client: KubeApi, store: Store, clock: Callable[[], float]) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._accepted: dict[str, str] = {}
        self._repairs = KeyedRateLimiter(TokenBucket(REPAIRS_PER_S, REPAIRS_BURST))
        self._removals = KeyedRateLimiter(TokenBucket(REMOVALS_PER_S, REMOVALS_BURST))

    @property
    def accepted_digests(self) -> Mapping[str, str]:
        """By uid, the digest with which each Deployment came back when it was last repaired."""
        return self._accepted

    async def restore(self, manifest: Manifest, replicas: int) -> None:
        """Make the Deployment that pods have lost, or label the one that is there after all."""
        await create_deployment(self._client, self._store, manifest, replicas)

    async def repair(self, manifest: Manifest, one: DeploymentRecord, drift: str) -> float | None:
        """Write the spec of ``manifest`` in place of the whole spec that is there.

        The API server adds its defaults again. LIMIT: if an admission webhook changes what we
        write, at each write, its change is left as it is.
        """
        wait_s = self._repairs.wait_s(one.uid, self._clock())
        if wait_s:
            return wait_s
        logger.info("Deployment %s/%s was changed at %s; repairing", *one.key, drift)
        metadata = manifest["metadata"]
        # "add" replaces too; somebody may have taken all labels and owners away.
        content: list[dict[str, Any]] = [
            _operation("replace", "/metadata/resourceVersion", one.version),
            _operation("add", "/metadata/ownerReferences", metadata["ownerReferences"]),
            _operation("add", "/metadata/labels", metadata["labels"]),
            _operation("replace", "/spec", {**manifest["spec"], "replicas": one.replicas}),
        ]
        repaired = await self._client.patch(
            DEPLOYMENTS, *one.key, content, manager=APPLY_MANAGER, content_type=JSON_PATCH
        )
        record = read_deployment(repaired)
        self._store.put_deployment(record)
        if len(self._accepted) >= _ACCEPTED_MAX:
            self._accepted.clear()  # costs each of them one more write that changes nothing
        self._accepted[record.uid] = record.digest
        return None

    async def remove(self, one: DeploymentRecord) -> float | None:
        """Delete it in the version that was looked at: one that was raised meanwhile stays."""
        wait_s = self._removals.wait_s(one.uid, self._clock())
        if wait_s:
            return wait_s
        with contextlib.suppress(NotFoundError):
            await self._client.delete(DEPLOYMENTS, *one.key, uid=one.uid, version=one.version)
        self._store.deployments.remove(one.key)
        return None


def _operation(verb: str, path: str, value: Any) -> dict[str, Any]:
    return {"op": verb, "path": path, "value": value}
