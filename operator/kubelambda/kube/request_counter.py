"""How many requests this process sends to the API server, as a metric of Prometheus."""

from prometheus_client import CollectorRegistry, Counter


class RequestCounter:
    """``kubelambda_controller_api_requests_total`` by verb and resource."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._total = Counter(
            "kubelambda_controller_api_requests",
            "Requests to the API server, by verb and resource (watches are kopf's, not counted).",
            ("verb", "resource"),
            registry=registry,
        )

    def count(self, verb: str, resource: str) -> None:
        """One more request was sent."""
        self._total.labels(verb, resource).inc()
