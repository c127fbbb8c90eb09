"""Decides how many environments each function has, on every report and every second.

Contract: looks at all functions at one moment, decides with ``core.capacity.scaling`` and
``core.capacity.room``, and has ``Actuator`` carry it out, one function beside the other. Lives
on one event loop. While no gateway reports nothing is known, so nothing is done, unless the API
server says that no gateway is alive: then nothing can be busy for longer than its function's
timeout, and room that nobody can use is given back; the gateways themselves may be waiting for it.

LIMIT: no provisioned concurrency, no account limit.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from kubelambda.config import ControllerSettings
from kubelambda.controller.cache.records import FunctionRecord, Key
from kubelambda.controller.cache.store import Store
from kubelambda.controller.function.renderings import Renderings
from kubelambda.controller.scaling.actuator import Actuator, Decision
from kubelambda.controller.scaling.cold_starts import ColdStarts
from kubelambda.controller.scaling.gateway_pods import GatewayPresence
from kubelambda.controller.scaling.link_states import LinkStates
from kubelambda.controller.scaling.replica_drift import ReplicaDrift
from kubelambda.controller.scaling.reported_demand import CombinedDemand, ReportedDemand
from kubelambda.controller.scaling.snapshots import FunctionSnapshot, SnapshotBuilder, describe_room
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.controller.scaling.start_rate_limiter import StartRateLimiter
from kubelambda.core.capacity.room import choose_victims
from kubelambda.core.capacity.scaling import SLOW_S, ScalingPlan, plan_scaling, split_start
from kubelambda.core.wire.demand import DemandReply, DemandReport, Drain

logger = logging.getLogger(__name__)

TICK_S = 1.0
LOOK_AGAIN_S = 0.05
SLOW_FOR_S = 30.0
"""A ReplicaSet controller that was seen to be slow is spared for so long."""
SILENT_S = 10.0
"""Gateways report every second; after so much silence the API server is asked for them."""
ASK_S = 5.0
DESERTED_IDLE_S = 60.0
"""With no gateway alive, an environment may be idle for so long at most."""


class Scaler:
    """Looks at every function that has demand or pods."""

    def __init__(
        self,
        store: Store,
        renderings: Renderings,
        actuator: Actuator,
        start_backoff: StartBackoff,
        link_states: LinkStates,
        gateways: GatewayPresence,
        cold_starts: ColdStarts,
        settings: ControllerSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._renderings = renderings
        self._actuator = actuator
        self._start_backoff = start_backoff
        self._link_states = link_states
        self._gateways = gateways
        self._cold_starts = cold_starts
        self._settings = settings
        self._clock = clock
        self._snapshot_builder = SnapshotBuilder(store, link_states, start_backoff)
        self._kept_replicas = ReplicaDrift()
        self._reported = ReportedDemand()
        self._rate_limiter = StartRateLimiter(
            settings.deployment_scale_per_s, settings.direct_pods_per_s
        )
        self._working: dict[str, asyncio.Task[None]] = {}
        self._missed: set[str] = set()
        self._wake = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._slow_until = float("-inf")
        self._heard_at = clock()
        self._ask_at = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._is_deserted = False

    def take_report(self, report: DemandReport) -> DemandReply:
        """Remember a gateway's demand; the victims among its environments."""
        self._heard_at = self._clock()
        self._is_deserted = False
        if self._reported.record(report, self._heard_at):
            self._wake.set()
        drains = tuple(
            Drain(one.namespace, one.name, environment.pod)
            for one in self._reported.functions_of(report.gateway)
            for environment in one.environments
            if self._is_victim((one.namespace, environment.pod))
        )
        return DemandReply(drains, self._reported.sequence_of(report.gateway))

    def evaluate_soon(self) -> None:
        """Something has changed that many others may follow: look at all of it together."""
        if self._soon is None:
            loop = asyncio.get_running_loop()
            self._soon = loop.call_later(LOOK_AGAIN_S, self._wake.set)

    async def run(self) -> None:
        """Scale for ever."""
        self._heard_at = self._clock()
        try:
            while True:
                self._wake.clear()
                self.evaluate()
                try:
                    async with asyncio.timeout(TICK_S):
                        await self._wake.wait()
                        # What changes together is looked at together.
                        await asyncio.sleep(0)
                except TimeoutError:
                    continue
        finally:
            for task in [*self._working.values(), *([self._asking] if self._asking else [])]:
                task.cancel()

    async def settle(self) -> None:
        """Return when everything that was begun has ended; for tests and trials."""
        while self._working or self._asking:
            await asyncio.gather(*self._working.values(), *([self._asking] if self._asking else []))

    def evaluate(self) -> None:
        """Look at everything once, and begin what follows from it."""
        now = self._clock()
        self._soon = None
        self._reported.expire(now)
        if not self._can_decide(now):
            self._link_states.hold(now)
            return
        snapshots = self._take_snapshots(now)
        self._cold_starts.observe(snapshots, now)
        idle_s = self._settings.idle_timeout_s
        if self._is_deserted:
            idle_s = min(idle_s, DESERTED_IDLE_S)
        victims = self._choose_victims(snapshots)
        edited = self._kept_replicas.find_edited(self._store.deployments.values())
        decisions = [
            Decision(snapshot, plan, victims.get(snapshot.record.uid, ()))
            for snapshot in snapshots
            if not self._actuator.is_resting(snapshot.record.uid, now)
            and (plan := _plan(snapshot, edited.get(snapshot.record.uid, {}), idle_s)) is not None
        ]
        for decision in self._grant(decisions, now):
            self._begin(decision, now)
        if any(one.owes and one.load.waiting for one in snapshots):
            self.evaluate_soon()
        self._forget(now)

    def _can_decide(self, now: float) -> bool:
        if self._reported.has_reports:
            return True
        if now - self._heard_at >= SILENT_S and now >= self._ask_at and self._asking is None:
            self._ask_at = now + ASK_S
            self._asking = asyncio.create_task(self._ask_for_gateways())
        return self._is_deserted

    async def _ask_for_gateways(self) -> None:
        try:
            is_deserted = not await self._gateways.is_any_alive()
            if is_deserted and not self._is_deserted and not self._reported.has_reports:
                logger.warning("no gateway is alive; environments that nobody can use are removed")
            self._is_deserted = is_deserted and not self._reported.has_reports
        finally:
            self._asking = None
            self._wake.set()

    def _take_snapshots(self, now: float) -> list[FunctionSnapshot]:
        demands = self._reported.combine(now)
        snapshots: list[FunctionSnapshot] = []
        for record in self._store.functions.values():
            demand = demands.get(record.ref, CombinedDemand(record.uid))
            if demand.uid != record.uid:
                demand = CombinedDemand(record.uid)
            if record.uid in self._working:
                self._missed.add(record.uid)
            elif demand.waiting or self._store.pods.group(record.uid) or self._asks(record):
                snapshots += self._take_snapshot(record, demand, now)
        return snapshots

    def _take_snapshot(
        self, record: FunctionRecord, demand: CombinedDemand, now: float
    ) -> Sequence[FunctionSnapshot]:
        revision = self._renderings.revision_of(record.uid) or record.status.get("revision", "")
        if not revision:
            return ()
        is_slow, is_deserted = now < self._slow_until, self._is_deserted
        snapshot = self._snapshot_builder.build(
            record, revision, demand, now, no_gateways=is_deserted, is_slow=is_slow
        )
        if snapshot.load.waiting and snapshot.load.owed_s >= SLOW_S and not snapshot.is_refused:
            self._slow_until = now + SLOW_FOR_S
        return (snapshot,)

    def _asks(self, record: FunctionRecord) -> bool:
        return any(one.replicas for one in self._store.deployments.group(record.uid))

    def _choose_victims(self, snapshots: Sequence[FunctionSnapshot]) -> dict[str, tuple[str, ...]]:
        if not any(one.unscheduled and one.load.waiting for one in snapshots):
            return {}
        chosen: dict[str, tuple[str, ...]] = {}
        for key, pod in choose_victims([describe_room(one) for one in snapshots]):
            uid = str(key)
            chosen[uid] = (*chosen.get(uid, ()), pod)
        return chosen

    def _grant(self, decisions: Sequence[Decision], now: float) -> list[Decision]:
        """Divide what the paces allow, and look again soon where that is not enough."""
        tokens = self._rate_limiter.grant_deployments(
            [
                (one.snapshot, one.plan.start)
                for one in decisions
                if not one.snapshot.load.goes_direct
            ],
            now,
        )
        split = []
        for one in decisions:
            target, direct = split_start(
                one.snapshot.load, one.plan, tokens.get(one.snapshot.record.uid, 0)
            )
            split.append(one.with_start(target, direct))
        granted = self._rate_limiter.grant_direct(
            [(one.snapshot, one.direct) for one in split], now
        )
        limited = [one.limit_direct(granted.get(one.snapshot.record.uid, 0)) for one in split]
        if any(one.direct < before.direct for one, before in zip(limited, split, strict=True)):
            self.evaluate_soon()
        return limited

    def _begin(self, decision: Decision, now: float) -> None:
        """Carry it out beside the others, so that a slow write holds up nobody else."""
        if decision.is_empty:
            return
        if decision.plan.start and decision.snapshot.load.waiting:
            self._cold_starts.decided(decision.snapshot)
        uid = decision.snapshot.record.uid
        task = asyncio.create_task(self._carry_out(decision, now))
        self._working[uid] = task
        task.add_done_callback(lambda _: self._end(uid))

    async def _carry_out(self, decision: Decision, now: float) -> None:
        if not await self._actuator.carry_out(decision, now, self._snapshot_builder.mark_deleted):
            self.evaluate_soon()

    def _end(self, uid: str) -> None:
        del self._working[uid]
        if uid in self._missed:
            self._missed.discard(uid)
            self._wake.set()

    def _is_victim(self, key: Key) -> bool:
        pod = self._store.pods.get(key)
        return pod is not None and pod.victim

    def _forget(self, now: float) -> None:
        pods = {pod.uid for pod in self._store.pods.values()}
        functions = {one.uid for one in self._store.functions.values()}
        self._link_states.forget(pods)
        self._snapshot_builder.forget(functions, pods)
        self._start_backoff.forget(functions, pods, now)
        self._cold_starts.forget(functions, pods)
        self._actuator.forget(functions, pods)


def _plan(
    snapshot: FunctionSnapshot, edited: Mapping[str, int], idle_s: float
) -> ScalingPlan | None:
    """What the function needs; where hands have set replicas, they are put back before that.

    None where that cannot be said: a bug with one function must not stop the others.
    """
    if edited:
        logger.info(
            "%s: somebody has set replicas; putting back %s", snapshot.record.ref, dict(edited)
        )
        return ScalingPlan(replicas=edited)
    try:
        return plan_scaling(snapshot.load, idle_s)
    except Exception:
        logger.exception("%s: a bug in scaling; looked at again in a second", snapshot.record.ref)
        return None
