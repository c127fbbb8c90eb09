"""Workers that take keys from the queue and reconcile them.

Contract: one broken object never stops the others: it is tried again with a growing delay, and the
log says which one and why. A worker ends only when it is cancelled itself; work that was cancelled
from within is a failure like any other. A write that the fence refuses ends nothing here: the
elector ends the process.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kubelambda.controller.process.work_queue import WorkQueue
from kubelambda.controller.records.keys import Key, WorkKey
from kubelambda.kube.errors import ConflictError, KubeError, TooManyRequestsError
from kubelambda.process.cancellation import is_ending

logger = logging.getLogger(__name__)

WORKERS = 12
_CONFLICT_S = 0.1
Reconcile = Callable[[Key], Awaitable[float | None]]
"""Brings one object to what it is to be; seconds after which to look again, if at all."""


class WorkerMetrics:
    """``kubelambda_controller_reconcile_*``."""

    def __init__(self, registry: CollectorRegistry, queue: WorkQueue[WorkKey]) -> None:
        self.seconds = Histogram(
            "kubelambda_controller_reconcile_seconds",
            "How long one reconcile took, writes included.",
            ("kind",),
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
            registry=registry,
        )
        self.failures = Counter(
            "kubelambda_controller_reconcile_failures",
            "Reconciles that will be repeated.",
            ("kind",),
            registry=registry,
        )
        depth = Gauge(
            "kubelambda_controller_queue_depth", "Keys waiting for a worker.", registry=registry
        )
        depth.set_function(lambda: float(len(queue)))


class Workers:
    """Runs ``WORKERS`` loops over one queue."""

    def __init__(
        self,
        queue: WorkQueue[WorkKey],
        reconcilers: Mapping[str, Reconcile],
        metrics: WorkerMetrics,
    ) -> None:
        """``reconcilers`` are by the kind of work, which keys begin with; others are let go."""
        self._queue = queue
        self._reconcilers = reconcilers
        self._metrics = metrics
        self._taken_at = time.monotonic()

    def check_progress(self, stuck_s: float) -> str:
        """Empty unless keys have waited for ``stuck_s`` without any worker taking one."""
        silent_s = time.monotonic() - self._taken_at
        if len(self._queue) and silent_s > stuck_s:
            return f"{len(self._queue)} keys wait and no worker took one for {silent_s:.0f} s"
        return ""

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            for number in range(WORKERS):
                group.create_task(self._work(), name=f"worker-{number}")

    async def _work(self) -> None:
        while True:
            key = await self._queue.take()
            self._taken_at = time.monotonic()
            try:
                await self._reconcile(key)
            except asyncio.CancelledError:
                if is_ending():
                    raise
                logger.exception("%s: %s", "/".join(key), self._retry_bug(key))
            finally:
                self._queue.done(key)

    async def _reconcile(self, key: WorkKey) -> None:
        kind, began = key[0], time.monotonic()
        try:
            revisit_s = await self._dispatch(key)
        except ConflictError as error:
            logger.debug("%s: %s", "/".join(key), error)
            self._queue.add_later(key, _CONFLICT_S)
        except TooManyRequestsError as error:
            self._metrics.failures.labels(kind).inc()
            self._queue.retry(key, error.retry_after_s)
        except KubeError as error:
            self._fail(key, error)
        except Exception:
            # A bug with one object must not stop the others.
            logger.exception("%s: %s", "/".join(key), self._retry_bug(key))
        else:
            self._queue.forget_failures(key)
            if revisit_s is not None:
                self._queue.add_later(key, revisit_s)
        self._metrics.seconds.labels(kind).observe(time.monotonic() - began)

    def _retry_bug(self, key: WorkKey) -> str:
        """Have it tried again; the sentence for the log."""
        delay_s = self._queue.retry(key)
        self._metrics.failures.labels(key[0]).inc()
        return f"a bug; next try in {delay_s:.1f} s"

    def _fail(self, key: WorkKey, error: KubeError) -> None:
        delay_s = self._queue.retry(key)
        self._metrics.failures.labels(key[0]).inc()
        logger.warning("%s: %s; next try in %.1f s", "/".join(key), error, delay_s)

    async def _dispatch(self, key: WorkKey) -> float | None:
        kind, namespace, name = key
        reconcile = self._reconcilers.get(kind)
        return await reconcile((namespace, name)) if reconcile is not None else None
