"""Reconciles what has pods, functions and published versions: observe, plan, act, write the status.

Contract: level-based; safe to repeat. On create two writes (key Secret, status), on a change one,
on restart none: Deployments and pods are the scaler's to make. What a new pod needs exists before
the scaler knows the revision, and before the status says Ready. A write that the API server refuses
for good becomes a condition; one that it did not answer is repeated by the work queue. Writes that
may wait, such as the removal of what an upgrade has left, come one after the other at a pace that
leaves the cluster's own controllers free.
"""

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from kubelambda.controller.cache.kinds import KIND_OF
from kubelambda.controller.cache.store import Store
from kubelambda.controller.diagnosis.api_refusal import classify_refusal
from kubelambda.controller.function.actions import (
    Action,
    CreateKeySecret,
    DeleteDeployment,
    DeletePod,
    RepairDeployment,
    RestoreDeployment,
)
from kubelambda.controller.function.current_revisions import CurrentRevisions
from kubelambda.controller.function.deployment_writer import DeploymentWriter
from kubelambda.controller.function.function_status import ReconcileOutcome, build_status
from kubelambda.controller.function.key_secrets import KeySecrets
from kubelambda.controller.function.observer import FunctionObserver
from kubelambda.controller.function.plan import FunctionPlan, plan_function
from kubelambda.controller.function.render import Platform
from kubelambda.controller.function.unwatched import relabel_unwatched
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import Key
from kubelambda.core.model.moments import format_moment
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import ForbiddenError, InvalidError, NotFoundError
from kubelambda.kube.paths import PODS

logger = logging.getLogger(__name__)

REFUSED_RETRY_S = 30.0


class FunctionReconciler:
    """Brings one function after the other to what its spec says."""

    def __init__(
        self,
        client: KubeApi,
        store: Store,
        platform: Platform,
        observer: FunctionObserver,
        revisions: CurrentRevisions,
        key_secrets: KeySecrets,
        clock: Callable[[], float],
        judged: Callable[[FunctionRecord], None],
    ) -> None:
        """``judged`` is called with each LambdaFunction that is Ready after it was reconciled."""
        self._client = client
        self._store = store
        self._judged = judged
        self._platform = platform
        self._observer = observer
        self._revisions = revisions
        self._key_secrets = key_secrets
        self._clock = clock
        self._uids: dict[Key, str] = {}
        self._deployments = DeploymentWriter(client, store, clock)

    async def reconcile(self, key: Key) -> float | None:
        """Do what ``key`` needs; seconds after which to look again, if at all."""
        record = self._store.find_serving(key)
        if record is None or record.deleting:
            self.forget(key)
            return None
        self._note_uid(key, record)
        await relabel_unwatched(self._client, self._store, record)
        observed, look_again_s = await self._observer.observe(
            record, self._deployments.accepted_digests
        )
        plan = plan_function(record, observed, self._platform)
        outcome, looks = plan.outcome, [plan.revisit_s, look_again_s]
        try:
            looks.append(await self._carry_out_all(record, plan))
        except (ForbiddenError, InvalidError) as error:
            if error.is_of_ending_namespace:
                return None
            logger.warning("%s: %s", record.ref, error.message)
            outcome = ReconcileOutcome(problem=classify_refusal(error.message))
            looks = [REFUSED_RETRY_S]
        await self._write_status(record, outcome)
        return min((look_s for look_s in looks if look_s is not None), default=None)

    def forget(self, key: Key) -> None:
        """``key`` has gone, or has nothing to run any more."""
        self._note_uid(key, None)
        self._observer.stop_lookups(key)

    def _note_uid(self, key: Key, record: FunctionRecord | None) -> None:
        """Forget what is known of a function that has gone, or was created again."""
        uid = self._uids.get(key)
        if uid is not None and (record is None or record.uid != uid):
            self._revisions.forget(uid)
            self._observer.forget(uid)
            del self._uids[key]
        if record is not None:
            self._uids[key] = record.uid

    async def _carry_out_all(self, record: FunctionRecord, plan: FunctionPlan) -> float | None:
        """Carry out what can be done now; seconds until the rest may be, if there is any."""
        for action in plan.actions:
            if isinstance(action, CreateKeySecret):
                await self._key_secrets.ensure(record.ref.namespace, action.rendered)
        if plan.inputs is not None:
            self._revisions.put(plan.outcome.revision, plan.inputs)
        waits = [
            wait_s
            for action in plan.actions
            if (wait_s := await self._carry_out(record, action)) is not None
        ]
        return min(waits, default=None)

    async def _carry_out(self, record: FunctionRecord, action: Action) -> float | None:
        match action:
            case RestoreDeployment(manifest, replicas):
                logger.info("%s: pods have lost their Deployment; creating it again", record.ref)
                await self._deployments.restore(manifest, replicas)
            case RepairDeployment(manifest, one, drift):
                return await self._deployments.repair(manifest, one, drift)
            case DeleteDeployment(one):
                return await self._deployments.remove(one)
            case DeletePod(pod):
                logger.info("%s: %s lost its owner or labels; deleting it", record.ref, pod.key[1])
                with contextlib.suppress(NotFoundError):
                    await self._client.delete(PODS, *pod.key, uid=pod.uid)
        return None

    async def _write_status(self, record: FunctionRecord, outcome: ReconcileOutcome) -> None:
        status = build_status(
            record,
            outcome,
            region=self._platform.settings.region,
            now=format_moment(self._clock()),
        )
        if not record.number:
            versions = self._store.published_of(record)
            status["versionCount"] = len({version.number for version in versions})
        if not record.status.says(status):
            await self._patch_status(record, status)
        if outcome.problem is None and not record.number:
            self._judged(record)

    async def _patch_status(self, record: FunctionRecord, status: dict[str, Any]) -> None:
        # With its resourceVersion: a writer that has slept meets a conflict, not an older status.
        content = {"metadata": {"resourceVersion": record.version}, "status": status}
        try:
            written = await self._client.patch(
                record.resource,
                record.ref.namespace,
                record.ref.name,
                content,
                manager=APPLY_MANAGER,
                subresource="status",
            )
        except NotFoundError:
            return
        KIND_OF[record.resource.plural].put(self._store, written)
