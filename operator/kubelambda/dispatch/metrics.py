"""What the dispatcher counts: ``kubelambda_dispatch_*``, without labels of functions or callers."""

from prometheus_client import CollectorRegistry, Counter

from kubelambda.core.settle import Again, Dead, Settlement


class DispatchMetrics:
    """Counters in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._settled = Counter(
            "kubelambda_dispatch_settled_total",
            "Events settled: done, dropped, retried, deferred or dead",
            ["settlement"],
            registry=registry,
        )

    def count(self, settlement: Settlement) -> None:
        """One event settled."""
        self._settled.labels(_name(settlement)).inc()


def _name(settlement: Settlement) -> str:
    if isinstance(settlement, Again):
        return "deferred" if settlement.successor.deferrals else "retried"
    if isinstance(settlement, Dead):
        return "dead"
    return "dropped" if settlement.dropped else "done"
