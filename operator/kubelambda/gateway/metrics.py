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

    def count_cut(self, reason: str) -> None:
        """One client cut."""
        self.clients_cut.labels(reason).inc()

    def count(self, outcome: str) -> None:
        """One request answered."""
        self.requests.labels(outcome).inc()
