"""What the scaler decides for one function, as a value that the actuator carries out.

Contract: pure.
"""

from dataclasses import dataclass, replace

from kubelambda.controller.function.cpu_size import compute_share_millis
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.scaling.snapshots import FunctionSnapshot
from kubelambda.core.capacity.scaling import ScalingPlan


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen to one function now."""

    snapshot: FunctionSnapshot
    plan: ScalingPlan
    victims: tuple[str, ...] = ()
    """Idle environments that are drained to make room for other functions."""
    target: int | None = None
    """Replicas for the current revision's Deployment; None: they stay as they are."""
    direct: int = 0
    """How many direct pods to create."""
    is_limited: bool = False
    """More direct pods are wanted than the rate limit allows now."""

    def with_start(self, target: int | None, direct: int) -> "Decision":
        """With new environments divided between the Deployment and direct pods."""
        return replace(self, target=target, direct=direct)

    def limit_direct(self, granted: int) -> "Decision":
        """With at most ``granted`` direct pods."""
        return replace(self, direct=min(self.direct, granted), is_limited=granted < self.direct)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done."""
        plan = self.plan
        return not (
            plan.replicas
            or plan.drain
            or plan.delete
            or plan.withdraw
            or self.victims
            or self.target is not None
            or self.direct
            or list_to_resize(self.snapshot)
        )


def list_to_resize(snapshot: FunctionSnapshot) -> list[PodRecord]:
    """Pods that have finished their init and still have the CPU limit for it."""
    share = compute_share_millis(snapshot.record.memory_mb)
    return [
        pod
        for pod, load in snapshot.pods
        if load.state in ("idle", "busy")
        and load.usable
        and pod.cpu_limit_millis > share
        and not pod.terminating
    ]
