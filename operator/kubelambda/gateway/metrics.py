"""Metrics of a gateway.

Contract: labels are bounded (outcomes), never names of functions or callers.
"""

import logging
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kubelambda.telemetry.metrics import COLD_START_BUCKETS

logger = logging.getLogger(__name__)

ColdStartStage = Literal["posted", "dialled", "configured", "initialised"]


def ignore_stage(stage: ColdStartStage, seconds: float) -> None:
    """Measure nothing."""


class GatewayMetrics:
    """Counters and gauges in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "kubelambda_gateway_requests_total",
            "Requests answered, by outcome",
            ["outcome"],
            registry=registry,
        )
        self._by_outcome: dict[str, Counter] = {}
        """Finding one by its labels takes as long as counting."""
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
            "Clients cut for reading slowly: below the least pace, or the slowest for want of room",
            ["reason"],
            registry=registry,
        )

        self.cold_start = Histogram(
            "kubelambda_gateway_cold_start_stage_seconds",
            "Stages of a cold start as this gateway sees them; docs/cold-start.md tells them",
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

    def count(self, outcome: str) -> None:
        """One request answered."""
        counter = self._by_outcome.get(outcome)
        if counter is None:
            counter = self._by_outcome[outcome] = self.requests.labels(outcome)
        counter.inc()
