"""Metrics of a gateway.

Contract: labels are bounded (outcomes), never names of functions or callers.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge


class GatewayMetrics:
    """Counters and gauges in the registry of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "kubelambda_gateway_requests_total",
            "Requests answered, by outcome",
            ["outcome"],
            registry=registry,
        )
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

    def count(self, outcome: str) -> None:
        """One request answered."""
        self.requests.labels(outcome).inc()
