"""From records, reports and memory to what ``core.capacity.scaling`` decides upon.

Contract: lives on one event loop; no I/O, time comes in. What a decision needs to know about the
past is kept here: since when somebody waits, since when a Deployment owes pods, and which pods were
deleted although the watch has not said so yet.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from kubelambda.controller.cache.pod_records import PodRecord
from kubelambda.controller.cache.records import FunctionRecord
from kubelambda.controller.cache.store import Store
from kubelambda.controller.scaling.link_states import LinkStates
from kubelambda.controller.scaling.reported_demand import CombinedDemand
from kubelambda.controller.scaling.start_backoff import StartBackoff
from kubelambda.core.capacity.room import MOMENT_S, IdleEnvironment, RoomLoad
from kubelambda.core.capacity.scaling import FunctionLoad, PodLoad

LATELY_S = 1.0


@dataclass(frozen=True, slots=True)
class FunctionSnapshot:
    """One function at one moment."""

    record: FunctionRecord
    revision: str
    load: FunctionLoad
    pods: tuple[tuple[PodRecord, PodLoad], ...]
    unscheduled: int = 0
    """Pods of the current revision that have found no node for MOMENT_S."""
    owes: bool = False
    """Its Deployment has fewer pods than it asks for."""
    is_refused: bool = False
    """The API server takes no more pods from its ReplicaSet."""

    @property
    def has_deployment(self) -> bool:
        """Whether the current revision has one."""
        return self.revision in self.load.replicas


class SnapshotBuilder:
    """Builds a ``FunctionSnapshot`` for each function."""

    def __init__(self, store: Store, link_states: LinkStates, start_backoff: StartBackoff) -> None:
        self._store = store
        self._link_states = link_states
        self._start_backoff = start_backoff
        self._waiting_since: dict[str, float] = {}
        self._waited: dict[str, deque[tuple[float, int]]] = {}
        self._owed_since: dict[str, float] = {}
        self._deleted: set[str] = set()

    def mark_deleted(self, pod: PodRecord) -> None:
        """The API server has taken the deletion of this pod."""
        self._deleted.add(pod.uid)

    def forget(self, functions: set[str], pods: set[str]) -> None:
        """Keep nothing about what is gone; both hold uids."""
        self._deleted &= pods
        for known in (self._waiting_since, self._owed_since, self._waited):
            for uid in known.keys() - functions:
                del known[uid]

    def build(
        self,
        record: FunctionRecord,
        revision: str,
        demand: CombinedDemand,
        now: float,
        *,
        no_gateways: bool,
        is_slow: bool,
    ) -> FunctionSnapshot:
        """What is known of ``record`` now; ``no_gateways``: none is alive that could report."""
        busy_s = float(record.timeout_s) if no_gateways else None
        records = [one for one in self._store.pods.group(record.uid) if not one.stray]
        pods = tuple((one, self._load_pod(record, one, demand, now, busy_s)) for one in records)
        self._start_backoff.observe(record, revision, pods, now)
        deployments = self._store.deployments.group(record.uid)
        replicas = {one.revision: one.replicas for one in deployments}
        is_refused = any(one.failure for one in deployments if one.revision == revision)
        owes = _owes_pods(pods, revision, replicas)
        waiting = 0 if record.deleting else demand.waiting
        load = FunctionLoad(
            current=revision,
            replicas=replicas,
            pods=[one for _, one in pods],
            waiting=waiting,
            waiting_lately=self._find_waiting_lately(record.uid, waiting, now),
            cap=record.reserved_concurrency,
            duration_s=None if demand.duration_ms is None else demand.duration_ms / 1000,
            waited_s=_measure(self._waiting_since, record.uid, waiting > 0, now),
            start_max=self._start_backoff.start_max(record, revision, now),
            owed_s=_measure(self._owed_since, record.uid, owes, now),
            is_slow=is_slow or is_refused,
        )
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
        """The most that have waited within LATELY_S: a queue that falls and rises is one queue."""
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
            stuck=pod.pending and bool(pod.trouble[0]),
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
            and now - self._link_states.known_since(pod.uid, now) >= MOMENT_S
            for pod, load in pods
        )


def describe_room(snapshot: FunctionSnapshot) -> RoomLoad:
    """The same function, as far as room is concerned."""
    holding = [load for pod, load in snapshot.pods if pod.node and not load.failed]
    return RoomLoad(
        key=snapshot.record.uid,
        memory_mb=snapshot.record.memory_mb,
        unscheduled=min(snapshot.unscheduled, snapshot.load.waiting),
        is_waiting=snapshot.load.waiting > 0,
        environments=sum(load.is_good for load in holding),
        idle=[
            IdleEnvironment(load.name, load.idle_s)
            for load in holding
            if load.is_good and load.state == "idle"
        ],
        leaving=sum(not load.is_good for load in holding),
        floor=snapshot.load.floor,
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
