"""Carries out ``core.scaling``: replicas, victims, dead pods, and the resize after init.

Contract: acts on demand of living gateways only; without any it leaves everything as it is. Raises
replicas at once, within a pace that leaves the ReplicaSet controller free. Lives on one event loop.

LIMIT: the pace is shared first come, first served; it is not fair between namespaces yet. LIMIT: no
direct pods beyond the Deployment's replicas, no provisioned concurrency, no account limit.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from kubelambda.config import ControllerSettings
from kubelambda.controller.demand_book import CombinedDemand, DemandBook
from kubelambda.controller.pod_writer import PodWriter
from kubelambda.controller.records import FunctionRecord, Key, PodRecord
from kubelambda.controller.render import compute_share_millis
from kubelambda.controller.store import Store
from kubelambda.core.demand import DemandReply, DemandReport, Drain
from kubelambda.core.function import FunctionRef
from kubelambda.core.pace import TokenBucket
from kubelambda.core.scaling import FunctionLoad, PodLoad, ScalingPlan, plan_scaling
from kubelambda.kube.errors import KubeError

logger = logging.getLogger(__name__)

TICK_S = 1.0
LOOK_AGAIN_S = 0.05
_BURST_S = 10
"""The pace may be saved up for so long: a first burst is not held back."""


class Scaler:
    """Looks at every function that has demand or pods, on each report and every second."""

    def __init__(
        self,
        store: Store,
        writer: PodWriter,
        settings: ControllerSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._writer = writer
        self._settings = settings
        self._clock = clock
        self._book = DemandBook()
        self._linked_at: dict[str, float] = {}
        self._working: dict[FunctionRef, asyncio.Task[None]] = {}
        self._missed: set[FunctionRef] = set()
        self._wake = asyncio.Event()
        rate = settings.deployment_scale_per_s
        self._pace = TokenBucket(rate, rate * _BURST_S)

    def take_report(self, report: DemandReport) -> DemandReply:
        """Remember a gateway's demand; the victims among its environments."""
        if self._book.record(report, self._clock()):
            self._wake.set()
        drains = tuple(
            Drain(one.namespace, one.name, environment.pod)
            for one in self._book.functions_of(report.gateway)
            for environment in one.environments
            if self._is_victim((one.namespace, environment.pod))
        )
        return DemandReply(drains, self._book.sequence_of(report.gateway))

    async def run(self) -> None:
        """Scale for ever."""
        while True:
            self._wake.clear()
            self._scale_all()
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _is_victim(self, key: Key) -> bool:
        pod = self._store.pods.get(key)
        return pod is not None and pod.victim

    def _scale_all(self) -> None:
        now = self._clock()
        self._book.expire(now)
        if not self._book.has_reports:
            self._linked_at.clear()
            return
        demands = self._book.combine(now)
        for record in self._store.functions.values():
            demand = demands.get(record.ref, CombinedDemand(record.uid))
            pods = self._store.pods.group(record.uid)
            if (pods or demand.waiting) and demand.uid == record.uid:
                self._begin(record, demand, pods, now)
        self._forget_pods()

    def _begin(
        self,
        record: FunctionRecord,
        demand: CombinedDemand,
        pods: Sequence[PodRecord],
        now: float,
    ) -> None:
        """Scale one function beside the others, so that a slow write holds up nobody else."""
        if record.ref in self._working:
            self._missed.add(record.ref)
            return
        task = asyncio.create_task(self._scale(record, demand, pods, now))
        self._working[record.ref] = task
        task.add_done_callback(lambda _: self._end(record.ref))

    def _end(self, ref: FunctionRef) -> None:
        del self._working[ref]
        if ref in self._missed:
            self._missed.discard(ref)
            self._wake.set()

    async def _scale(
        self,
        record: FunctionRecord,
        demand: CombinedDemand,
        pods: Sequence[PodRecord],
        now: float,
    ) -> None:
        revision = str(record.status.get("revision", ""))
        if not revision:
            return
        try:
            loads = [self._load(record, pod, demand, now) for pod in pods]
            load = FunctionLoad(
                current=revision,
                replicas={
                    one.revision: one.replicas for one in self._store.deployments.group(record.uid)
                },
                pods=loads,
                waiting=0 if record.deleting else demand.waiting,
                cap=record.reserved_concurrency,
            )
            plan = plan_scaling(load, self._settings.idle_timeout_s)
            await self._carry_out(record, plan, now)
            await self._resize(record, pods, loads)
        except KubeError as error:
            logger.warning("%s: scaling failed: %s; next look in a second", record.ref, error)
        except Exception:
            # A bug with one function must not stop the others.
            logger.exception("%s: a bug in scaling; next look in a second", record.ref)

    def _load(
        self, record: FunctionRecord, pod: PodRecord, demand: CombinedDemand, now: float
    ) -> PodLoad:
        report = demand.environments.get(pod.key[1])
        if report is not None:
            self._linked_at[pod.uid] = now
        unlinked_s = now - self._linked_at.setdefault(pod.uid, now)
        return PodLoad(
            name=pod.key[1],
            revision=pod.revision,
            state=report.state if report else "unlinked",
            idle_s=report.idle_s if report else unlinked_s,
            usable=pod.config_digest == record.serving_digest,
            pending=pod.pending,
            terminating=pod.terminating,
            draining=pod.victim,
            restarted=pod.restarts > 0,
            failed=bool(pod.ended),
        )

    async def _carry_out(self, record: FunctionRecord, plan: ScalingPlan, now: float) -> None:
        namespace = record.ref.namespace
        for deployment in self._store.deployments.group(record.uid):
            target = plan.replicas.get(deployment.revision)
            if target is None:
                continue
            if target > deployment.replicas:
                taken = self._pace.take(target - deployment.replicas, now)
                target = deployment.replicas + taken
            changed = target != deployment.replicas
            if changed and not await self._writer.scale(deployment, target):
                self._look_again()
        for name in plan.drain:
            await self._mark((namespace, name))
        for name in plan.delete:
            pod = self._store.pods.get((namespace, name))
            if pod is not None:
                why = pod.ended or "restarted its container"
                logger.info("%s: %s is over (%s); deleting it", record.ref, name, why)
                await self._writer.delete(pod)

    def _look_again(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._wake.set)

    async def _mark(self, key: Key) -> None:
        pod = self._store.pods.get(key)
        if pod is not None:
            await self._writer.mark_victim(pod)

    async def _resize(
        self, record: FunctionRecord, pods: Sequence[PodRecord], loads: Sequence[PodLoad]
    ) -> None:
        share = compute_share_millis(record.memory_mb)
        for pod, load in zip(pods, loads, strict=True):
            initialised = load.state in ("idle", "busy") and load.usable
            if initialised and pod.cpu_limit_millis > share and not pod.terminating:
                await self._writer.resize_cpu(pod, share)

    def _forget_pods(self) -> None:
        present = {pod.uid for pod in self._store.pods.values()}
        for uid in [uid for uid in self._linked_at if uid not in present]:
            del self._linked_at[uid]
        self._writer.forget_pods(present)
