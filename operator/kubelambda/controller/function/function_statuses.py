"""Writes the statuses of functions and of published versions.

Contract: one write, and only if something changes. With its resourceVersion: a writer that has
slept meets a conflict, not an older status.
"""

from collections.abc import Callable
from typing import Any

from kubelambda.controller.cache.kinds import KIND_OF
from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.function_status import ReconcileOutcome, build_status
from kubelambda.controller.records.field_managers import APPLY_MANAGER
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.core.model.moments import format_moment
from kubelambda.kube.api import ObjectWrites
from kubelambda.kube.errors import NotFoundError


class FunctionStatuses:
    """``judged`` is called with each LambdaFunction that is Ready once its status says so."""

    def __init__(
        self,
        client: ObjectWrites,
        store: Store,
        region: str,
        clock: Callable[[], float],
        judged: Callable[[FunctionRecord], None],
    ) -> None:
        self._client = client
        self._store = store
        self._region = region
        self._clock = clock
        self._judged = judged

    async def write(self, record: FunctionRecord, outcome: ReconcileOutcome) -> None:
        """Have the object say what ``outcome`` stands for; ConflictError if it has changed."""
        now = format_moment(self._clock())
        status = build_status(record, outcome, region=self._region, now=now)
        if not record.number:
            versions = self._store.published_of(record)
            status["versionCount"] = len({version.number for version in versions})
        if not record.status.says(status):
            await self._patch(record, status)
        if outcome.problem is None and not record.number:
            self._judged(record)

    async def _patch(self, record: FunctionRecord, status: dict[str, Any]) -> None:
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
