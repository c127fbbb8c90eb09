"""Scales every function: on each report, soon after each change of a pod, and every second.

Contract: lives on one event loop. Each evaluation takes a snapshot of all functions at one moment,
decides (``Decider``) and begins to carry the decisions out (``Actuator``), each beside the others;
a function whose last decision is still being carried out is left out. While no gateway reports
nothing is known and nothing is done, unless the API server says that no gateway is alive: nothing
can then be busy for longer than its function's timeout, and environments that nobody can use are
removed, since the gateways themselves may be waiting for that room.

LIMIT: no provisioned concurrency, no account limit.
"""

import asyncio
import time
from collections.abc import Callable

from kubelambda.config import ControllerSettings
from kubelambda.controller.cache.store import Store
from kubelambda.controller.demand.gateway_liveness import GatewayLiveness
from kubelambda.controller.demand.gateway_pods import GatewayPresence
from kubelambda.controller.demand.link_states import LinkStates
from kubelambda.controller.demand.reported_demand import ReportedDemand
from kubelambda.controller.function.current_revisions import CurrentRevisions
from kubelambda.controller.records.keys import Key
from kubelambda.controller.scaling.actuator import Actuator
from kubelambda.controller.scaling.cold_start_metrics import ColdStartMetrics
from kubelambda.controller.scaling.decider import Decider
from kubelambda.controller.scaling.decision import Decision
from kubelambda.controller.scaling.replica_drift import ReplicaDrift
from kubelambda.controller.scaling.snapshot_builder import SnapshotBuilder
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.core.wire.demand import DemandReply, DemandReport, Drain
from kubelambda.process.supervisor import Supervisor

TICK_S = 1.0
SOON_S = 0.05
"""Changes within so short a time are evaluated together."""
DESERTED_IDLE_S = 60.0
"""With no gateway alive, an environment may be idle for so long at most."""


class Scaler:
    """The loop around ``evaluate``, and what it remembers from one evaluation to the next."""

    def __init__(
        self,
        store: Store,
        revisions: CurrentRevisions,
        actuator: Actuator,
        start_backoff: StartBackoff,
        link_states: LinkStates,
        gateways: GatewayPresence,
        cold_starts: ColdStartMetrics,
        settings: ControllerSettings,
        supervisor: Supervisor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._actuator = actuator
        self._start_backoff = start_backoff
        self._link_states = link_states
        self._cold_starts = cold_starts
        self._idle_s = settings.idle_timeout_s
        self._supervisor = supervisor
        self._clock = clock
        self._wake = asyncio.Event()
        self._snapshot_builder = SnapshotBuilder(store, revisions, link_states, start_backoff)
        self._replica_drift = ReplicaDrift()
        self._reported = ReportedDemand()
        self._gateways = GatewayLiveness(
            gateways, self._reported, clock(), self._wake.set, supervisor
        )
        self._decider = Decider(settings.deployment_scale_per_s, settings.direct_pods_per_s)
        self._working: set[str] = set()
        """Uids of functions whose last decision is being carried out."""
        self._missed: set[str] = set()
        """Uids of functions that evaluations have left out since then."""
        self._soon: asyncio.TimerHandle | None = None

    def take_report(self, report: DemandReport) -> DemandReply:
        """Remember a gateway's demand; the reply names its environments that are to be drained."""
        now = self._clock()
        self._gateways.note_report(now)
        if self._reported.record(report, now):
            self._wake.set()
        drains = tuple(
            Drain(demand.namespace, demand.name, environment.pod)
            for demand in self._reported.functions_of(report.gateway)
            for environment in demand.environments
            if self._is_victim((demand.namespace, environment.pod))
        )
        return DemandReply(drains, self._reported.sequence_of(report.gateway))

    def evaluate_soon(self) -> None:
        """Evaluate within SOON_S, together with the changes that follow until then."""
        if self._soon is None:
            loop = asyncio.get_running_loop()
            self._soon = loop.call_later(SOON_S, self._wake.set)

    async def run(self) -> None:
        """Scale for ever; what was begun ends with the supervisor."""
        self._gateways.wait_from(self._clock())
        while True:
            self._wake.clear()
            self.evaluate()
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
                    # Reports that arrive together are evaluated together.
                    await asyncio.sleep(0)
            except TimeoutError:
                continue

    def evaluate(self) -> None:
        """Evaluate all functions once, and begin what was decided."""
        now = self._clock()
        self._soon = None
        self._reported.expire(now)
        if not self._gateways.can_decide(now):
            self._link_states.hold(now)
            return
        none_alive = self._gateways.none_alive
        self._missed.update(self._working)
        snapshots = self._snapshot_builder.take_all(
            self._reported.combine(now), self._working, now, no_gateways=none_alive
        )
        self._cold_starts.observe(snapshots, now)
        decisions = self._decider.decide(
            snapshots,
            self._replica_drift.find_edited(self._store.deployments.values()),
            now,
            idle_s=min(self._idle_s, DESERTED_IDLE_S) if none_alive else self._idle_s,
            is_resting=lambda uid: self._actuator.is_resting(uid, now),
        )
        for decision in decisions:
            self._begin(decision, now)
        is_owed = any(snapshot.owes and snapshot.load.waiting for snapshot in snapshots)
        if is_owed or any(decision.is_limited for decision in decisions):
            self.evaluate_soon()
        self._forget(now)

    def _begin(self, decision: Decision, now: float) -> None:
        """Carry it out beside the others, so that a slow write delays no other function."""
        if decision.is_empty:
            return
        if decision.plan.start and decision.snapshot.load.waiting:
            self._cold_starts.decided(decision.snapshot)
        uid = decision.snapshot.record.uid
        name = f"scaling {decision.snapshot.record.ref}"
        self._working.add(uid)
        task = self._supervisor.spawn(name, self._carry_out(decision, now))
        task.add_done_callback(lambda _: self._end(uid))

    async def _carry_out(self, decision: Decision, now: float) -> None:
        mark_deleted = self._snapshot_builder.mark_deleted
        if not await self._actuator.carry_out(decision, now, mark_deleted):
            self.evaluate_soon()

    def _end(self, uid: str) -> None:
        self._working.discard(uid)
        if uid in self._missed:
            self._missed.discard(uid)
            self._wake.set()

    def _is_victim(self, key: Key) -> bool:
        pod = self._store.pods.get(key)
        return pod is not None and pod.victim

    def _forget(self, now: float) -> None:
        """Drop what is kept of functions and pods that are gone."""
        pods = {pod.uid for pod in self._store.pods.values()}
        functions = self._store.list_uids()
        self._link_states.forget(pods)
        self._snapshot_builder.forget(functions, pods)
        self._start_backoff.forget(functions, pods, now)
        self._cold_starts.forget(functions, pods)
        self._actuator.forget(functions, pods)
