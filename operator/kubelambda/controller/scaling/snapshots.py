"""One function and its pods at one moment: what a scaling decision is based on.

Contract: pure; ``snapshot_builder`` takes snapshots.
"""

from dataclasses import dataclass

from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.core.capacity.function_load import FunctionLoad, PodLoad
from kubelambda.core.capacity.preemption import IdleEnvironment, PreemptionLoad


@dataclass(frozen=True, slots=True)
class FunctionSnapshot:
    """One function at one moment; ``pods`` leaves out those that have lost owner or labels."""

    record: FunctionRecord
    revision: str
    load: FunctionLoad
    pods: tuple[tuple[PodRecord, PodLoad], ...]
    unscheduled: int = 0
    """Pods of the current revision that no node has had room for, for UNSCHEDULED_S."""
    owes: bool = False
    """Its Deployment has fewer pods than it asks for."""
    is_refused: bool = False
    """The API server takes no more pods from its ReplicaSet."""

    @property
    def has_deployment(self) -> bool:
        """Whether the current revision has one."""
        return self.revision in self.load.replicas


def build_preemption_load(snapshot: FunctionSnapshot) -> PreemptionLoad:
    """What choosing victims needs to know of this function."""
    holding = [load for pod, load in snapshot.pods if pod.node and not load.failed]
    return PreemptionLoad(
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
