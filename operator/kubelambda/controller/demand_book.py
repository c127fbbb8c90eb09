"""The latest demand of every gateway, combined by function.

Contract: lives on one event loop; no I/O, time comes in. A report replaces the former one of its
gateway and expires after REPORT_S: a gateway that is gone wants nothing, and its environments dial
another one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kubelambda.core.demand import DemandReport, EnvironmentReport, FunctionDemand
from kubelambda.core.function import FunctionRef

REPORT_S = 5.0


@dataclass(slots=True)
class CombinedDemand:
    """What all gateways together say of one function."""

    uid: str
    waiting: int = 0
    environments: dict[str, EnvironmentReport] = field(default_factory=dict)
    duration_ms: float | None = None
    """The longest mean length of its events that a gateway has seen."""


@dataclass(slots=True)
class DemandBook:
    """Reports by gateway, with the moment they came in."""

    _reports: dict[str, tuple[float, DemandReport]] = field(default_factory=dict)

    def record(self, report: DemandReport, now: float) -> bool:
        """Remember ``report``; False where it is older than what is known of a living gateway."""
        former = self._reports.get(report.gateway)
        if former and former[1].sequence > report.sequence and now - former[0] < REPORT_S:
            return False
        self._reports[report.gateway] = (now, report)
        return True

    def expire(self, now: float) -> None:
        """Forget gateways that have fallen silent."""
        silent = [name for name, (at, _) in self._reports.items() if now - at >= REPORT_S]
        for name in silent:
            del self._reports[name]

    @property
    def has_reports(self) -> bool:
        """False while no gateway is heard: nothing is known, so nothing is scaled down."""
        return bool(self._reports)

    def combine(self) -> dict[FunctionRef, CombinedDemand]:
        """Demand by function. An environment two gateways know is as busy as the busier says."""
        combined: dict[FunctionRef, CombinedDemand] = {}
        for demand in self._demands():
            ref = FunctionRef(demand.namespace, demand.name)
            one = combined.setdefault(ref, CombinedDemand(demand.uid))
            one.waiting += demand.waiting
            if demand.duration_ms is not None:
                one.duration_ms = max(one.duration_ms or 0.0, demand.duration_ms)
            for environment in demand.environments:
                known = one.environments.get(environment.pod)
                if known is None or _RANK[environment.state] > _RANK[known.state]:
                    one.environments[environment.pod] = environment
        return combined

    def _demands(self) -> Iterable[FunctionDemand]:
        for _, report in self._reports.values():
            yield from report.functions


_RANK = {"starting": 0, "idle": 1, "busy": 2}
