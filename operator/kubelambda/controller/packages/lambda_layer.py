"""Reconciles LambdaLayers: nothing but their status.

Contract: level-based; safe to repeat; one write, only if the status changes. A LambdaLayer has no
finalizer: functions that use a version remember its content (docs/limits.md).
"""

from collections.abc import Callable, Mapping
from typing import Any

from kubelambda.controller.cache.store import Store
from kubelambda.controller.packages.known_packages import KnownPackages
from kubelambda.controller.packages.package_problem import find_package_problem
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.keys import Key, layer_key
from kubelambda.controller.records.layer_record import LayerRecord, find_layer_problem, read_layer
from kubelambda.core.model.moments import format_moment
from kubelambda.core.packages.code_zip import to_code_sha256
from kubelambda.core.packages.needed_packages import find_package
from kubelambda.judge.conditions import build_conditions
from kubelambda.judge.problem import Problem, ReadyNote
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import NotFoundError
from kubelambda.kube.paths import LAYERS

CONTENT = "content.package"
READY = ReadyNote("Functions of this namespace may name it.")


class LayerReconciler:
    """Writes the status of one layer version after the other."""

    def __init__(
        self,
        client: KubeApi,
        store: Store,
        packages: KnownPackages,
        region: str,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._store = store
        self._packages = packages
        self._region = region
        self._clock = clock

    async def reconcile(self, key: Key) -> None:
        """Write the status of ``key`` if it is not what it should be."""
        record = self._store.layers.get(key)
        if record is None or record.deleting:
            self._packages.forget(layer_key(*key))
            return
        problem = await self._find_problem(record)
        now = format_moment(self._clock())
        status = build_layer_status(record, problem, region=self._region, now=now)
        if record.status.says(status):
            return
        content = {"metadata": {"resourceVersion": record.version}, "status": status}
        try:
            written = await self._client.patch(
                LAYERS, key[0], key[1], content, manager=APPLY_MANAGER, subresource="status"
            )
        except NotFoundError:
            return
        self._store.put_layer(read_layer(written))

    async def _find_problem(self, record: LayerRecord) -> Problem | None:
        """Why functions cannot use it, if so."""
        problem = find_layer_problem(record, self._store.layer_claimants(record))
        name = find_package(record.layer)
        if record.status.is_ready(record.generation):
            self._packages.trust([name] if name else [])
        needed = {name: CONTENT} if name and problem is None else {}
        presences = await self._packages.look(layer_key(*record.key), needed)
        return problem or find_package_problem(needed, presences)


def build_layer_status(
    record: LayerRecord, problem: Problem | None, *, region: str, now: str
) -> Mapping[str, Any]:
    """The status to be; ``record.status`` says it already if there is nothing to write."""
    status: dict[str, Any] = {
        "observedGeneration": record.generation,
        "conditions": build_conditions(record.status.conditions, problem, ready=READY, now=now),
        "layerName": record.layer.name,
        "layerVersionArn": build_layer_arn(region, record.account_id, record.layer.reference),
    }
    if record.layer.sha256:
        status["codeSha256"] = to_code_sha256(record.layer.sha256)
    if record.code_size is not None:
        status["codeSize"] = record.code_size
    return status


def build_layer_arn(region: str, account_id: str, reference: str) -> str:
    """The ARN of a layer version; ``reference`` is ``name:version``."""
    return f"arn:aws:lambda:{region}:{account_id}:layer:{reference}"
