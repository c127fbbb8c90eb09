"""What the dispatcher counts: ``kubelambda_dispatch_*``, without labels of functions or callers."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from kubelambda.core.asynchronous.lanes import Lanes
from kubelambda.core.asynchronous.settle import Again, Dead, Done


class DispatchMetrics:
    """Counters and gauges in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._settled = Counter(
            "kubelambda_dispatch_settled_total",
            "Events settled: done, dropped, retried, deferred or dead",
            ["settlement"],
            registry=registry,
        )
        self._throttles = Counter(
            "kubelambda_dispatch_throttles_total",
            "Runs that were throttled; their events wait in their lanes for the next free slot",
            registry=registry,
        )
        self._unreadable = Counter(
            "kubelambda_dispatch_unreadable_records_total",
            "Looks at records of the queue that this release cannot read; the records are kept",
            registry=registry,
        )
        self._events = Gauge(
            "kubelambda_dispatch_events",
            "Events that this dispatcher holds: running, or waiting for a slot",
            ["state"],
            registry=registry,
        )
        self._lanes = Gauge(
            "kubelambda_dispatch_lanes",
            "Functions of which this dispatcher holds or lately held events",
            registry=registry,
        )

    def count(self, settlement: Done | Again | Dead) -> None:
        """One event settled."""
        self._settled.labels(_name(settlement)).inc()

    def count_throttle(self) -> None:
        """One run throttled."""
        self._throttles.inc()

    def count_unreadable(self) -> None:
        """One look at a record that this release cannot read."""
        self._unreadable.inc()

    def show(self, lanes: Lanes) -> None:
        """What is held now."""
        self._events.labels("running").set(lanes.running)
        self._events.labels("waiting").set(lanes.waiting)
        self._lanes.set(len(lanes))


def _name(settlement: Done | Again | Dead) -> str:
    if isinstance(settlement, Again):
        return "deferred" if settlement.successor.deferrals else "retried"
    if isinstance(settlement, Dead):
        return "dead"
    return "dropped" if settlement.dropped else "done"
