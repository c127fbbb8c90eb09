"""Reconciles LambdaLayers: nothing but their status.

Contract: level-based; safe to repeat; one write, only if the status changed. There is no finalizer:
functions that use a version remember its content (docs/limits.md).
"""

from collections.abc import Callable, Mapping
from typing import Any

from kubelambda.controller.cache.layer_records import LayerRecord, judge_layer, read_layer
from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.field_managers import APPLY_MANAGER
from kubelambda.controller.function.status import build_conditions, format_moment
from kubelambda.controller.function.verdict import NO_OBJECTION
from kubelambda.controller.images.image_resolver import Refusal
from kubelambda.controller.packages.package_verdict import is_ready, judge_packages
from kubelambda.controller.packages.packages import Packages
from kubelambda.core.packages.code_zip import to_code_sha256
from kubelambda.core.packages.needed_packages import find_package
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import NotFoundError
from kubelambda.kube.paths import LAYERS

CONTENT = "content.package"
READY_MESSAGE = "Functions of this namespace may name it."


class LayerReconciler:
    """Writes the status of one layer version after the other."""

    def __init__(
        self,
        client: KubeApi,
        store: Store,
        packages: Packages,
        region: str,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._store = store
        self._packages = packages
        self._region = region
        self._clock = clock

    async def reconcile(self, key: tuple[str, str]) -> None:
        """Write the status of ``key`` where it is not what it should be."""
        record = self._store.layers.get(key)
        if record is None or record.deleting:
            self._packages.forget(_work_key(key))
            return
        refusal = await self._judge(record)
        now = format_moment(self._clock())
        status = build_layer_status(record, refusal, region=self._region, now=now)
        if all(record.status.get(field) == value for field, value in status.items()):
            return
        content = {"metadata": {"resourceVersion": record.version}, "status": status}
        try:
            written = await self._client.patch(
                LAYERS, key[0], key[1], content, manager=APPLY_MANAGER, subresource="status"
            )
        except NotFoundError:
            return
        self._store.put_layer(read_layer(written))

    async def _judge(self, record: LayerRecord) -> Refusal | None:
        """Why functions cannot use it, if so."""
        verdict = judge_layer(record, self._store.layer_claimants(record))
        name = find_package(record.layer)
        if is_ready(record.status, record.generation):
            self._packages.trust([name] if name else [])
        needed = {name: CONTENT} if name and verdict.reason is None else {}
        doubtful = await self._packages.look(_work_key(record.key), needed)
        if verdict.reason is not None:
            return Refusal(verdict)
        return judge_packages(needed, doubtful)


def build_layer_status(
    record: LayerRecord, refusal: Refusal | None, *, region: str, now: str
) -> Mapping[str, Any]:
    """The status to be; equal to the record's where there is nothing to write."""
    verdict = refusal.verdict if refusal is not None else NO_OBJECTION
    stalled = refusal is not None and not refusal.passing
    status: dict[str, Any] = {
        "observedGeneration": record.generation,
        "conditions": build_conditions(
            record.status, verdict, stalled=stalled, ready_message=READY_MESSAGE, now=now
        ),
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


def _work_key(key: tuple[str, str]) -> tuple[str, str, str]:
    return ("layer", *key)
