"""Metrics of a gateway.

Contract: labels are bounded (outcomes), never names of functions or callers.
"""

import logging
from collections.abc import Iterable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from kubelambda.telemetry.metrics import COLD_START_BUCKETS

logger = logging.getLogger(__name__)

ColdStartStage = Literal["posted", "dialled", "configured", "initialised"]


def ignore_stage(stage: ColdStartStage, seconds: float) -> None:
    """Measure nothing."""


class RequestCounter(Collector):
    """Requests answered, by outcome; the registry sees an ordinary counter.

    Requests are counted in a dictionary and added to the counter when metrics are read, since
    counting with prometheus_client takes four calls and a lock.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counter = Counter(
            "kubelambda_gateway_requests_total",
            "Requests answered, by outcome",
            ["outcome"],
            registry=None,
        )
        self._uncollected: dict[str, int] = {}
        registry.register(self)

    def count(self, outcome: str) -> None:
        """One request answered."""
        if outcome in self._uncollected:
            self._uncollected[outcome] += 1
        else:
            self._counter.labels(outcome)  # creates the time series
            self._uncollected[outcome] = 1

    def collect(self) -> Iterable[Metric]:
        """All of them so far."""
        for outcome, count in self._uncollected.items():
            self._counter.labels(outcome).inc(count)
            self._uncollected[outcome] = 0
        return self._counter.collect()

    def describe(self) -> Iterable[Metric]:
        """Their name, so that the registry refuses another metric of that name."""
        return self._counter.describe()


class GatewayMetrics:
    """Counters and gauges in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = RequestCounter(registry)
        self.count = self._requests.count
        """One request answered, by its outcome."""
        self.in_flight = Gauge(
            "kubelambda_gateway_invocations_in_flight",
            "Invocations that hold a slot",
            registry=registry,
        )
        self.environments = Gauge(
            "kubelambda_gateway_environments",
            "Linked environments",
            registry=registry,
        )
        self.held_bytes = Gauge(
            "kubelambda_gateway_held_bytes",
            "Bytes of requests (received or unanswered) and of answers (not taken by clients) in"
            " memory, of uploads (not stored yet) on disk",
            ["kind"],
            registry=registry,
        )
        self.clients_cut = Counter(
            "kubelambda_gateway_clients_cut_total",
            "Clients cut for reading slowly: below the minimum rate, or the slowest if memory is"
            " short",
            ["reason"],
            registry=registry,
        )
        self.packages = Gauge(
            "kubelambda_gateway_packages",
            "Packages in the store, when this gateway last looked; the same at every gateway",
            registry=registry,
        )
        self.package_bytes = Gauge(
            "kubelambda_gateway_package_bytes",
            "Bytes of those packages",
            registry=registry,
        )
        self.packages_collected = Counter(
            "kubelambda_gateway_packages_collected_total",
            "Packages that this gateway has deleted, since nothing named them",
            registry=registry,
        )
        self.cold_start = Histogram(
            "kubelambda_gateway_cold_start_stage_seconds",
            "Stages of a cold start as this gateway sees them; docs/cold-start.md explains them",
            ["stage"],
            buckets=COLD_START_BUCKETS,
            registry=registry,
        )

    def observe_stage(self, stage: ColdStartStage, seconds: float) -> None:
        """One stage of one cold start."""
        logger.debug("cold start: %s after %.3f s", stage, seconds)
        self.cold_start.labels(stage).observe(max(0.0, seconds))

    def count_cut(self, reason: str) -> None:
        """One client cut."""
        self.clients_cut.labels(reason).inc()
