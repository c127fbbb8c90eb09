"""Whether any gateway is alive, according to the API server.

Contract: one list of pods in the release's own namespace. If the list fails, the answer is
"alive", since nothing may be removed on a guess. LIMIT: a gateway on a lost node counts as alive
until Kubernetes removes its pod.
"""

from typing import Any, Protocol

from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError
from kubelambda.kube.paths import PODS

GATEWAY_SELECTOR = "app.kubernetes.io/component=gateway"


class GatewayPresence(Protocol):
    """The port through which that is asked."""

    async def is_any_alive(self) -> bool:
        """False only if certainly no gateway is serving."""
        ...


class GatewayPods:
    """The pods of the release's gateways."""

    def __init__(self, client: KubeApi, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def is_any_alive(self) -> bool:
        """Whether any gateway's container is running, or the API server cannot say."""
        try:
            async for page in self._client.list_pages(
                PODS, self._namespace, label_selector=GATEWAY_SELECTOR
            ):
                if any(_is_running(pod) for pod in page):
                    return True
        except KubeError:
            return True
        return False


def _is_running(pod: dict[str, Any]) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return any("running" in (status.get("state") or {}) for status in statuses)
