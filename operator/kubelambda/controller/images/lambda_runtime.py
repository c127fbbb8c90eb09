"""Reconciles LambdaRuntimes: nothing but the condition Supported.

Contract: level-based; safe to repeat; one write, only if the status changes. Looks again when the
next day of UTC begins, since the condition depends on the day, and has the functions of the runtime
looked at when the condition changes. Where the controller may not write it (rights or CRDs of the
release before), nothing depends on it: it is tried again the next day.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from kubelambda.api.v1alpha1.conditions import ConditionType
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.cache.store import Store
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.runtime_record import RuntimeRecord, read_runtime
from kubelambda.core.model.moments import format_moment
from kubelambda.core.model.runtime_support import describe_blocks, describe_end
from kubelambda.judge.conditions import build_condition
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import ForbiddenError, NotFoundError
from kubelambda.kube.paths import RUNTIMES

logger = logging.getLogger(__name__)

DAY_S = 86_400.0


class RuntimeReconciler:
    """Writes the status of one LambdaRuntime after the other."""

    def __init__(
        self,
        client: KubeApi,
        store: Store,
        enqueue_functions: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._store = store
        self._enqueue_functions = enqueue_functions
        self._clock = clock

    async def reconcile(self, name: str) -> float | None:
        """Write the status of the identifier where it is not what it should be.

        Seconds after which to look again.
        """
        record = self._store.runtimes.get(name)
        if record is None:
            return None
        now_s = self._clock()
        status = build_runtime_status(record, now_s)
        if not record.status.says(status):
            await self._write(record, status)
        return seconds_to_tomorrow(now_s)

    async def _write(self, record: RuntimeRecord, status: Mapping[str, Any]) -> None:
        content = {"metadata": {"resourceVersion": record.version}, "status": status}
        try:
            written = await self._client.patch(
                RUNTIMES,
                None,
                record.object_name,
                content,
                manager=APPLY_MANAGER,
                subresource="status",
            )
        except (ForbiddenError, NotFoundError) as error:
            logger.info("no condition on LambdaRuntime %s: %s", record.object_name, error)
            return
        self._store.put_runtime(read_runtime(written))
        self._enqueue_functions(record.name)


def build_runtime_status(record: RuntimeRecord, now_s: float) -> dict[str, Any]:
    """The status to be at ``now_s``, in seconds since 1970."""
    status, reason, message = _judge(record, now_s)
    former = record.status.conditions.get(ConditionType.SUPPORTED)
    condition = build_condition(
        former,
        ConditionType.SUPPORTED,
        reason,
        message,
        status=status,
        now=format_moment(now_s),
    )
    return {"observedGeneration": record.generation, "conditions": [condition]}


def _judge(record: RuntimeRecord, now_s: float) -> tuple[str, Reason, str]:
    end, today = record.end_of_support, datetime.fromtimestamp(now_s, UTC).date()
    if end is None:
        advice = "spec.endOfSupport says until when the language gets fixes, if you set it"
        return "Unknown", Reason.SUPPORT_UNKNOWN, advice
    ended = describe_end(record.name, end, today)
    if not ended:
        return "True", Reason.SUPPORTED, f"until {end}"
    blocks = describe_blocks(record.name, today)
    return "False", Reason.SUPPORT_ENDED, f"{ended}. {blocks}" if blocks else ended


def seconds_to_tomorrow(now_s: float) -> float:
    """Until the next day of UTC has begun."""
    return DAY_S - now_s % DAY_S + 1.0
