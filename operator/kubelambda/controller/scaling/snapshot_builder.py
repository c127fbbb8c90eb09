"""Takes snapshots: from records, reports and memory to what ``core.capacity`` decides upon.

Contract: lives on one event loop; no I/O, time comes in. Remembers what a decision needs to know of
the past: since when somebody waits, since when a Deployment owes pods, until when ReplicaSets count
as slow, and which pods were deleted although the watch has not said so yet.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence

from kubelambda.controller.cache.store import Store
from kubelambda.controller.demand.link_states import LinkStates
from kubelambda.controller.demand.reported_demand import CombinedDemand
from kubelambda.controller.function.current_revisions import CurrentRevisions
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.scaling.snapshots import FunctionSnapshot
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.core.capacity.function_load import SLOW_S, FunctionLoad, PodLoad
from kubelambda.core.capacity.preemption import UNSCHEDULED_S
from kubelambda.core.model.function import FunctionRef

LATELY_S = 1.0
SLOW_FOR_S = 30.0
"""For so long after the ReplicaSet controller was slow, pods are made directly instead."""


class SnapshotBuilder:
    """Takes a ``FunctionSnapshot`` of each function that has demand, pods or replicas."""

    def __init__(
        self,
        store: Store,
        revisions: CurrentRevisions,
        link_states: LinkStates,
        start_backoff: StartBackoff,
    ) -> None:
        self._store = store
        self._revisions = revisions
        self._link_states = link_states
        self._start_backoff = start_backoff
        self._waiting_since: dict[str, float] = {}
        self._waited: dict[str, deque[tuple[float, int]]] = {}
        self._owed_since: dict[str, float] = {}
        self._deleted: set[str] = set()
        self._slow_until = float("-inf")

    def mark_deleted(self, pod: PodRecord) -> None:
        """The API server has accepted the deletion of this pod."""
        self._deleted.add(pod.uid)

    def forget(self, functions: set[str], pods: set[str]) -> None:
        """Drop what is kept of all other functions and pods; both sets hold uids."""
        self._deleted &= pods
        for known in (self._waiting_since, self._owed_since, self._waited):
            for uid in known.keys() - functions:
                del known[uid]

    def take_all(
        self,
        demands: Mapping[FunctionRef, CombinedDemand],
        left_out: Collection[str],
        now: float,
        *,
        no_gateways: bool,
    ) -> list[FunctionSnapshot]:
        """Snapshots of all functions but those with a uid in ``left_out``.

        ``no_gateways``: none is alive that could report.
        """
        snapshots: list[FunctionSnapshot] = []
        for record in self._list_candidates(demands):
            if record.uid in left_out:
                continue
            demand = demands.get(record.ref)
            if demand is None or demand.uid != record.uid:
                demand = CombinedDemand(record.uid)
            revision = self._revisions.revision_of(record.uid) or record.status.revision
            if revision and (demand.waiting or self._has_environments(record)):
                snapshots.append(self._take(record, revision, demand, now, no_gateways=no_gateways))
        return snapshots

    def _list_candidates(
        self, demands: Mapping[FunctionRef, CombinedDemand]
    ) -> Iterable[FunctionRecord]:
        """Each that may have demand, pods or replicas: all others cost an evaluation nothing."""
        candidates = {record.uid: record for record in self._store.list_with_objects()}
        for demand in demands.values():
            record = self._store.find_by_uid(demand.uid)
            if record is not None:
                candidates[record.uid] = record
        return candidates.values()

    def _has_environments(self, record: FunctionRecord) -> bool:
        """Whether there are pods of it, or a Deployment that asks for some."""
        return bool(self._store.pods.group(record.uid)) or any(
            deployment.replicas for deployment in self._store.deployments.group(record.uid)
        )

    def _take(
        self,
        record: FunctionRecord,
        revision: str,
        demand: CombinedDemand,
        now: float,
        *,
        no_gateways: bool,
    ) -> FunctionSnapshot:
        busy_s = float(record.timeout_s) if no_gateways else None
        records = [pod for pod in self._store.pods.group(record.uid) if not pod.stray]
        pods = tuple((pod, self._load_pod(record, pod, demand, now, busy_s)) for pod in records)
        self._start_backoff.observe(record, revision, pods, now)
        deployments = self._store.deployments.group(record.uid)
        replicas = {deployment.revision: deployment.replicas for deployment in deployments}
        is_refused = any(
            deployment.failure for deployment in deployments if deployment.revision == revision
        )
        owes = _owes_pods(pods, revision, replicas)
        owed_s = _measure(self._owed_since, record.uid, owes, now)
        waiting = 0 if record.deleting else demand.waiting
        load = FunctionLoad(
            current=revision,
            replicas=replicas,
            pods=[load for _, load in pods],
            waiting=waiting,
            waiting_lately=self._find_waiting_lately(record.uid, waiting, now),
            cap=self._store.reservation_of(record),
            duration_s=None if demand.duration_ms is None else demand.duration_ms / 1000,
            waited_s=_measure(self._waiting_since, record.uid, waiting > 0, now),
            start_max=self._start_backoff.start_max(record, revision, now),
            owed_s=owed_s,
            is_slow=now < self._slow_until or is_refused,
        )
        if waiting and owed_s >= SLOW_S and not is_refused:
            self._slow_until = now + SLOW_FOR_S
        return FunctionSnapshot(
            record,
            revision,
            load,
            pods,
            self._count_unscheduled(pods, revision, now),
            owes,
            is_refused,
        )

    def _find_waiting_lately(self, uid: str, waiting: int, now: float) -> int:
        """The most requests that have waited at once within LATELY_S: dips are bridged."""
        waited = self._waited.setdefault(uid, deque())
        while waited and (now - waited[0][0] > LATELY_S):
            waited.popleft()
        while waited and waited[-1][1] <= waiting:
            waited.pop()
        waited.append((now, waiting))
        return waited[0][1]

    def _load_pod(
        self,
        record: FunctionRecord,
        pod: PodRecord,
        demand: CombinedDemand,
        now: float,
        busy_s: float | None,
    ) -> PodLoad:
        report = demand.environments.get(pod.key[1])
        state, idle_s = self._link_states.state_of(pod, report, now, busy_s=busy_s)
        return PodLoad(
            name=pod.key[1],
            revision=pod.revision,
            state=state,
            idle_s=idle_s,
            usable=pod.config_digest == record.serving_digest,
            pending=pod.pending,
            stuck=pod.pending and bool(pod.start_error[0]),
            terminating=pod.terminating or pod.uid in self._deleted,
            draining=pod.victim,
            restarted=pod.restarts > 0,
            failed=bool(pod.ended),
            direct=pod.direct,
        )

    def _count_unscheduled(
        self, pods: Sequence[tuple[PodRecord, PodLoad]], revision: str, now: float
    ) -> int:
        return sum(
            pod.is_unschedulable
            and load.is_good
            and load.revision == revision
            and now - self._link_states.known_since(pod.uid, now) >= UNSCHEDULED_S
            for pod, load in pods
        )


def _owes_pods(
    pods: Sequence[tuple[PodRecord, PodLoad]], revision: str, replicas: dict[str, int]
) -> bool:
    owned = sum(
        load.revision == revision and not (load.direct or load.terminating or load.failed)
        for _, load in pods
    )
    return owned < replicas.get(revision, 0)


def _measure(since: dict[str, float], uid: str, holds: bool, now: float) -> float:
    """For how long something has held without a pause."""
    if not holds:
        since.pop(uid, None)
        return 0.0
    return now - since.setdefault(uid, now)
