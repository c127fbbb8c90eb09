"""Reconciles LambdaFunctions: plan, carry out, write the status if it changed.

Contract: level-based; safe to repeat. On create three writes (key Secret, Deployment, status), on a
change that needs no new revision one, on restart none. A write that the API server refuses for good
becomes a condition; one it did not answer is repeated by the queue.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from kubelambda.catalog.packages import list_needed_packages
from kubelambda.controller.images import Images
from kubelambda.controller.layer_records import Reference, resolve_layers
from kubelambda.controller.package_verdict import Presence, list_trusted
from kubelambda.controller.packages import Packages
from kubelambda.controller.plan import (
    Action,
    CreateDeployment,
    CreateKeySecret,
    DeleteDeployment,
    RepairDeployment,
    World,
    plan_function,
)
from kubelambda.controller.records import (
    FunctionRecord,
    Key,
    digest_config_map,
    read_deployment,
    read_function,
)
from kubelambda.controller.render import Platform
from kubelambda.controller.status import Outcome, build_status, format_moment
from kubelambda.controller.store import Store
from kubelambda.controller.trouble import judge_refusal
from kubelambda.core.function import Layer
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import (
    AlreadyExistsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from kubelambda.kube.paths import CONFIG_MAPS, DEPLOYMENTS, FUNCTIONS, SECRETS

logger = logging.getLogger(__name__)

APPLY_MANAGER = "kubelambda"
SCALE_MANAGER = "kubelambda-scaler"
REFUSED_RETRY_S = 30.0
CONFIG_MAP_S = 5.0
CONFIG_MAPS_PER_S = 10.0
_NAMESPACE_ENDS = "is being terminated"


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
    ) -> None:
        self._client = client
        self._store = store
        self._platform = platform
        self._images = images
        self._packages = packages
        self._clock = clock

    async def reconcile(self, key: Key) -> float | None:
        """Do what ``key`` needs; seconds after which to look again, if at all."""
        record = self._store.functions.get(key)
        if record is None or record.deleting:
            self._images.forget(key)
            self._packages.forget(_work_key(key))
            return None
        world, look_again_s = await self._survey(record)
        plan = plan_function(record, world, self._platform)
        revisit_s = min(
            (one for one in (plan.revisit_s, look_again_s) if one is not None), default=None
        )
        outcome = plan.outcome
        try:
            for action in plan.actions:
                await self._carry_out(record, action)
        except (ForbiddenError, InvalidError) as error:
            if _NAMESPACE_ENDS in error.message:
                return None
            logger.warning("%s: %s", record.ref, error.message)
            outcome = Outcome(verdict=judge_refusal(error.message), stalled=True)
            revisit_s = REFUSED_RETRY_S
        await self._write_status(record, outcome)
        return revisit_s

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
        )
        return world, look_again_s

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

    async def _carry_out(self, record: FunctionRecord, action: Action) -> None:
        namespace = record.ref.namespace
        match action:
            case CreateKeySecret(manifest):
                await self._create(SECRETS, namespace, manifest)
            case CreateDeployment(manifest):
                spec = {**manifest["spec"], "replicas": 0}
                created = await self._create(DEPLOYMENTS, namespace, {**manifest, "spec": spec})
                if created is not None:
                    self._store.put_deployment(read_deployment(created))
            case RepairDeployment(manifest, drift):
                logger.info("%s: its Deployment was changed at %s; repairing", record.ref, drift)
                applied = await self._client.apply(
                    DEPLOYMENTS, namespace, manifest, manager=APPLY_MANAGER
                )
                self._store.put_deployment(read_deployment(applied))
            case DeleteDeployment(one):
                try:
                    await self._client.delete(DEPLOYMENTS, namespace, one.key[1], uid=one.uid)
                except NotFoundError:
                    logger.debug("%s: %s is gone already", record.ref, one.key[1])

    async def _create(
        self, resource: Any, namespace: str, manifest: dict[str, Any]
    ) -> dict[str, Any] | None:
        try:
            return await self._client.create(resource, namespace, manifest, manager=SCALE_MANAGER)
        except AlreadyExistsError:
            # Names are derived, so what is there is what we would have made (docs/adr/0001).
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
