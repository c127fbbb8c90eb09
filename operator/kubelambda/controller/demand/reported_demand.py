"""The latest demand of every gateway, combined by function.

Contract: lives on one event loop; no I/O, time comes in. Rules D1 to D3 of ``core.wire.demand``: a
whole report replaces what was known of its gateway; a report of changes is applied to the very
report that it names as its base. What a gateway reported expires after REPORT_S: one that is gone
wants nothing, and its environments connect to another one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from kubelambda.core.model.function import FunctionRef
from kubelambda.core.wire.demand import DemandReport, EnvironmentReport, FunctionDemand

REPORT_S = 5.0


@dataclass(slots=True)
class CombinedDemand:
    """What all gateways together report of one function."""

    uid: str
    waiting: int = 0
    environments: dict[str, EnvironmentReport] = field(default_factory=dict)
    duration_ms: float | None = None
    """The longest mean duration of its invocations that any gateway has measured."""


@dataclass(slots=True)
class _Gateway:
    """The demand that one gateway reports for each function, and when it reported it."""

    sequence: int
    heard_at: float
    functions: dict[FunctionRef, tuple[FunctionDemand, float]] = field(default_factory=dict)

    def take(self, report: DemandReport, now: float) -> None:
        self.sequence, self.heard_at = report.sequence, now
        for function in report.functions:
            ref = FunctionRef(function.namespace, function.name)
            if function.is_over:
                self.functions.pop(ref, None)
            else:
                self.functions[ref] = (function, now)


@dataclass(slots=True)
class ReportedDemand:
    """The latest reports, by gateway."""

    _gateways: dict[str, _Gateway] = field(default_factory=dict)

    def record(self, report: DemandReport, now: float) -> bool:
        """Take ``report``; False if it cannot be used.

        That is, if a newer report of this gateway is held and has not expired, or if its
        base is another report than the one that is held (D1).
        """
        known = self._gateways.get(report.gateway)
        if report.base is None:
            if known and known.sequence > report.sequence and now - known.heard_at < REPORT_S:
                return False
            known = self._gateways[report.gateway] = _Gateway(report.sequence, now)
        elif known is None or known.sequence != report.base:
            return False
        known.take(report, now)
        return True

    def sequence_of(self, gateway: str) -> int:
        """The sequence number of the report that is held of ``gateway``; 0 for none."""
        known = self._gateways.get(gateway)
        return known.sequence if known else 0

    def functions_of(self, gateway: str) -> Iterator[FunctionDemand]:
        """What ``gateway`` wants and has, in its own words."""
        known = self._gateways.get(gateway)
        return (demand for demand, _ in known.functions.values()) if known else iter(())

    def expire(self, now: float) -> None:
        """Drop the reports of gateways that have been silent for REPORT_S."""
        silent = [
            name for name, heard in self._gateways.items() if now - heard.heard_at >= REPORT_S
        ]
        for name in silent:
            del self._gateways[name]

    @property
    def has_reports(self) -> bool:
        """False while no gateway reports: nothing is known then, so nothing is scaled down."""
        return bool(self._gateways)

    def combine(self, now: float) -> dict[FunctionRef, CombinedDemand]:
        """Demand by function. Of two reports of one environment the busier state counts."""
        combined: dict[FunctionRef, CombinedDemand] = {}
        for demand, told_at in self._demands():
            ref = FunctionRef(demand.namespace, demand.name)
            one = combined.setdefault(ref, CombinedDemand(demand.uid))
            one.waiting += demand.waiting
            if demand.duration_ms is not None:
                one.duration_ms = max(one.duration_ms or 0.0, demand.duration_ms)
            for environment in demand.environments:
                known = one.environments.get(environment.pod)
                if known is None or _RANK[environment.state] > _RANK[known.state]:
                    one.environments[environment.pod] = _add_age(environment, now - told_at)
        return combined

    def _demands(self) -> Iterable[tuple[FunctionDemand, float]]:
        for gateway in self._gateways.values():
            yield from gateway.functions.values()


def _add_age(environment: EnvironmentReport, passed_s: float) -> EnvironmentReport:
    """Add the time since the report to an idle environment's age (rule D3)."""
    if environment.state != "idle" or not passed_s:
        return environment
    return replace(environment, idle_s=environment.idle_s + passed_s)


_RANK = {"starting": 0, "idle": 1, "busy": 2}
