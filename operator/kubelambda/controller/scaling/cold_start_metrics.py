"""Where the time of a cold start goes: a histogram and a debug line for each stage.

Contract: lives on one event loop; no I/O, time comes in. The time of a stage is what has passed
since the stage before it, as this controller sees it; docs/cold-start.md says what each stage
means. Gateways measure the stages that they see themselves.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram

from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.scaling.snapshots import FunctionSnapshot
from kubelambda.core.capacity.function_load import PodLoad
from kubelambda.telemetry.metrics import COLD_START_BUCKETS

logger = logging.getLogger(__name__)

STAGES = ("planned", "written", "seen", "scheduled", "running", "linked", "ready")
_READY = len(STAGES) - 1


@dataclass(slots=True)
class _Start:
    reached: int
    """Index of the stage that was reached last."""
    at: float


class ColdStartMetrics:
    """Follows each new pod from the demand for it until its environment is ready."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "kubelambda_controller_cold_start_stage_seconds",
            "Time from the stage before, for environments that were started because of demand.",
            ("stage",),
            buckets=COLD_START_BUCKETS,
            registry=registry,
        )
        self._starts: dict[str, _Start] = {}
        self._raised_at: dict[str, float] = {}

    def decided(self, snapshot: FunctionSnapshot) -> None:
        """It was decided to start environments for requests that wait."""
        self._tell(snapshot, "", "planned", snapshot.load.waited_s)

    def raised(self, snapshot: FunctionSnapshot, began: float, done: float) -> None:
        """A Deployment was created, or its replicas were raised."""
        self._raised_at[snapshot.record.uid] = done
        self._tell(snapshot, "its Deployment", "written", done - began)

    def made(
        self, snapshot: FunctionSnapshot, pods: Sequence[PodRecord], began: float, done: float
    ) -> None:
        """Direct pods were created."""
        for pod in pods:
            self._tell(snapshot, pod.key[1], "written", done - began)
            self._starts[pod.uid] = _Start(STAGES.index("seen"), done)

    def observe(self, snapshots: Sequence[FunctionSnapshot], now: float) -> None:
        """Note which stage each pod has reached."""
        for snapshot in snapshots:
            for pod, load in snapshot.pods:
                self._follow(snapshot, pod, load, now)

    def forget(self, functions: set[str], pods: set[str]) -> None:
        """Drop what is kept of all other functions and pods; both sets hold uids."""
        for uid in self._starts.keys() - pods:
            del self._starts[uid]
        for uid in self._raised_at.keys() - functions:
            del self._raised_at[uid]

    def _follow(
        self, snapshot: FunctionSnapshot, pod: PodRecord, load: PodLoad, now: float
    ) -> None:
        start = self._starts.get(pod.uid)
        if start is None:
            raised_at = self._raised_at.get(snapshot.record.uid)
            if raised_at is None or load.direct or load.state in ("idle", "busy"):
                return
            self._tell(snapshot, pod.key[1], "seen", now - raised_at)
            start = self._starts[pod.uid] = _Start(STAGES.index("seen"), now)
        reached = STAGES.index(_find_stage(pod, load))
        if reached <= start.reached or start.reached == _READY:
            return
        # Stages that were passed between two evaluations count as part of the one that was found.
        self._tell(snapshot, pod.key[1], STAGES[reached], now - start.at)
        start.reached, start.at = reached, now
        if reached == _READY:
            self._raised_at.pop(snapshot.record.uid, None)

    def _tell(self, snapshot: FunctionSnapshot, what: str, stage: str, seconds: float) -> None:
        self._seconds.labels(stage).observe(max(0.0, seconds))
        logger.debug(
            "cold start of %s %s: %s after %.3f s", snapshot.record.ref, what, stage, seconds
        )


def _find_stage(pod: PodRecord, load: PodLoad) -> str:
    if load.state in ("idle", "busy"):
        return "ready"
    if load.state == "starting":
        return "linked"
    if not pod.pending:
        return "running"
    return "scheduled" if pod.node else "seen"
