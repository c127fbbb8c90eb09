"""Reconciles LambdaFunctions: plan, carry out, write the status if it changed.

Contract: level-based; safe to repeat. On create two writes (key Secret, status), on a change one,
on restart none: Deployments and pods are the scaler's to make. What a new pod needs exists before
the rendering is known to the scaler, and before the status says Ready. A write that the API server
refuses for good becomes a condition; one it did not answer is repeated by the queue. Writes that
may wait, such as the removal of what an upgrade has left, come one after the other at a pace that
leaves the cluster's own controllers free.
"""

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from kubelambda.catalog.packages import list_needed_packages
from kubelambda.controller.cache.kept_records import read_deployment
from kubelambda.controller.cache.layer_records import Reference, resolve_layers
from kubelambda.controller.cache.pod_records import read_pod
from kubelambda.controller.cache.records import (
    FunctionRecord,
    Key,
    digest_config_map,
    read_function,
)
from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.deployment_writer import DeploymentWriter
from kubelambda.controller.function.field_managers import APPLY_MANAGER
from kubelambda.controller.function.key_secrets import KeySecrets
from kubelambda.controller.function.plan import (
    Action,
    CreateKeySecret,
    DeleteDeployment,
    DeletePod,
    FunctionPlan,
    RepairDeployment,
    RestoreDeployment,
    World,
    find_lost,
    plan_function,
)
from kubelambda.controller.function.render import Platform
from kubelambda.controller.function.renderings import Renderings
from kubelambda.controller.function.status import Outcome, build_status, format_moment
from kubelambda.controller.function.trouble import judge_refusal
from kubelambda.controller.images.images import Images
from kubelambda.controller.packages.package_verdict import Presence, list_trusted
from kubelambda.controller.packages.packages import Packages
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.core.model.layer import Layer
from kubelambda.kube.api import KubeApi, Manifest
from kubelambda.kube.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from kubelambda.kube.paths import CONFIG_MAPS, FUNCTIONS, PODS, Resource
from kubelambda.kube.resources import labels

logger = logging.getLogger(__name__)

REFUSED_RETRY_S = 30.0
CONFIG_MAP_S = 5.0
CONFIG_MAPS_PER_S = 10.0


class FunctionReconciler:
    """Brings one function after the other to what its spec says."""

    def __init__(
        self,
        client: KubeApi,
        store: Store,
        platform: Platform,
        images: Images,
        packages: Packages,
        clock: Callable[[], float],
        renderings: Renderings,
        key_secrets: KeySecrets,
        starts: StartBackoff,
    ) -> None:
        self._client = client
        self._store = store
        self._platform = platform
        self._images = images
        self._packages = packages
        self._clock = clock
        self._renderings = renderings
        self._key_secrets = key_secrets
        self._starts = starts
        self._uids: dict[Key, str] = {}
        self._lost_since: dict[str, dict[str, float]] = {}
        self._deployments = DeploymentWriter(client, store, clock)

    async def reconcile(self, key: Key) -> float | None:
        """Do what ``key`` needs; seconds after which to look again, if at all."""
        record = self._store.functions.get(key)
        self._note_uid(key, record)
        if record is None or record.deleting:
            self._images.forget(key)
            self._packages.forget(_work_key(key))
            return None
        await self._take_back_unseen(record)
        world, look_again_s = await self._survey(record)
        plan = plan_function(record, world, self._platform)
        outcome, looks = plan.outcome, [plan.revisit_s, look_again_s]
        try:
            looks.append(await self._carry_out_all(record, plan))
        except (ForbiddenError, InvalidError) as error:
            if error.is_of_ending_namespace:
                return None
            logger.warning("%s: %s", record.ref, error.message)
            outcome = Outcome(verdict=judge_refusal(error.message), stalled=True)
            looks = [REFUSED_RETRY_S]
        await self._write_status(record, outcome)
        return min((one for one in looks if one is not None), default=None)

    def _note_uid(self, key: Key, record: FunctionRecord | None) -> None:
        """Forget what is known of a function that has gone, or was made anew."""
        uid = self._uids.get(key)
        if uid is not None and (record is None or record.uid != uid):
            self._renderings.forget(uid)
            self._lost_since.pop(uid, None)
            del self._uids[key]
        if record is not None:
            self._uids[key] = record.uid

    async def _take_back_unseen(self, record: FunctionRecord) -> None:
        """Label anew what has left the watches and is there all the same."""
        for resource, key, uid in self._store.list_unseen(record.uid):
            labelled = await self._label_anew(resource, key, uid)
            self._store.forget_unseen(record.uid, resource, key, uid)
            if labelled is None:
                continue
            logger.info("%s: %s had lost its label; it was taken back", record.ref, key[1])
            if resource == PODS:
                self._store.put_pod(read_pod(labelled))
            else:
                self._store.put_deployment(read_deployment(labelled))

    async def _label_anew(self, resource: Resource, key: Key, uid: str) -> Manifest | None:
        """The object with our label; None where it has gone, or is about to."""
        content = {"metadata": {"uid": uid, "labels": {labels.MANAGED_BY: labels.MANAGER}}}
        try:
            found = await self._client.get(resource, *key)
            if found["metadata"]["uid"] != uid or "deletionTimestamp" in found["metadata"]:
                return None
            return await self._client.patch(resource, *key, content, manager=APPLY_MANAGER)
        except (NotFoundError, ConflictError):
            return None

    async def _survey(self, record: FunctionRecord) -> tuple[World, float | None]:
        """What is there around ``record``, and after how many seconds that may have changed."""
        code_version, image = "", None
        look_again_s = self._config_map_period_s() if record.config_map else None
        if record.config_map:
            code_version = await self._fetch_code_version(record)
        elif record.verdict.reason is None:
            image, look_again_s = await self._images.look(record)
        layers = self._store.known_layers(record.ref.namespace, record.layers)
        packages = await self._look_for_packages(record, layers)
        # Nothing is waited for from here on: deployments and pods are as they are at this moment.
        world = World(
            runtimes=self._store.runtimes,
            claimants=self._store.same_name(record),
            deployments=self._store.deployments.group(record.uid),
            pods=self._store.pods.group(record.uid),
            now_s=self._clock(),
            code_version=code_version,
            image=image,
            layers=layers,
            packages=packages,
            start=self._starts.report(record.uid),
            settled=self._deployments.settled,
        )
        return replace(world, lost_since=self._note_lost(record, world)), look_again_s

    def _note_lost(self, record: FunctionRecord, world: World) -> Mapping[str, float]:
        """Since when each pod that nobody counts is known to be so."""
        former = self._lost_since.pop(record.uid, {})
        since = {pod.uid: former.get(pod.uid, world.now_s) for pod in find_lost(world)}
        if since:
            self._lost_since[record.uid] = since
        return since

    async def _look_for_packages(
        self, record: FunctionRecord, layers: Mapping[Reference, Layer]
    ) -> Mapping[str, Presence]:
        namespace, name = record.ref.namespace, record.ref.name
        found = self._store.layer_records(namespace, record.layers)
        self._packages.trust(list_trusted(record, found))
        needed = list_needed_packages(record.package, resolve_layers(record.layers, layers))
        wanted = needed if record.verdict.reason is None else {}
        return await self._packages.look(_work_key((namespace, name)), wanted)

    async def _fetch_code_version(self, record: FunctionRecord) -> str:
        try:
            found = await self._client.get(CONFIG_MAPS, record.ref.namespace, record.config_map)
        except NotFoundError:
            return ""
        return digest_config_map(found)

    def _config_map_period_s(self) -> float:
        """Looked at every few seconds, but all together not more often than ten a second."""
        count = sum(1 for one in self._store.functions.values() if one.config_map)
        return max(CONFIG_MAP_S, count / CONFIG_MAPS_PER_S)

    async def _carry_out_all(self, record: FunctionRecord, plan: FunctionPlan) -> float | None:
        """Carry out what can be now; seconds until the turn of what has to wait."""
        for action in plan.actions:
            if isinstance(action, CreateKeySecret):
                await self._key_secrets.ensure(record.ref.namespace, action.rendered)
        if plan.ingredients is not None:
            self._renderings.put(plan.outcome.revision, plan.ingredients)
        waits = [
            wait_s
            for action in plan.actions
            if (wait_s := await self._carry_out(record, action)) is not None
        ]
        return min(waits, default=None)

    async def _carry_out(self, record: FunctionRecord, action: Action) -> float | None:
        match action:
            case RestoreDeployment(manifest, replicas):
                logger.info("%s: pods have lost their Deployment; making it anew", record.ref)
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

    async def _write_status(self, record: FunctionRecord, outcome: Outcome) -> None:
        status = build_status(
            record,
            outcome,
            region=self._platform.settings.region,
            now=format_moment(self._clock()),
        )
        if all(record.status.get(field) == value for field, value in status.items()):
            return
        # With its resourceVersion: a writer that has slept meets a conflict, not an older status.
        content = {"metadata": {"resourceVersion": record.version}, "status": status}
        try:
            written = await self._client.patch(
                FUNCTIONS,
                record.ref.namespace,
                record.ref.name,
                content,
                manager=APPLY_MANAGER,
                subresource="status",
            )
        except NotFoundError:
            return
        self._store.put_function(read_function(written))


def _work_key(key: Key) -> tuple[str, str, str]:
    return ("function", *key)
