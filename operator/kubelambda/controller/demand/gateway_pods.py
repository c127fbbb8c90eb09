"""Whether any gateway is alive, asked of the API server when none reports.

Contract: one list of the release's own namespace; a list that fails counts as "alive", since
nothing may be taken down on a guess. LIMIT: so does a gateway on a lost node, until Kubernetes
takes its pod out.
"""

from typing import Any, Protocol

from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError
from kubelambda.kube.paths import PODS

GATEWAY_SELECTOR = "app.kubernetes.io/component=gateway"


class GatewayPresence(Protocol):
    """Who knows whether a gateway runs."""

    async def is_any_alive(self) -> bool:
        """Whether some gateway may be serving."""
        ...


class GatewayPods:
    """The pods of the release's gateways."""

    def __init__(self, client: KubeApi, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def is_any_alive(self) -> bool:
        """Whether the container of some gateway's pod is running."""
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
    return any("running" in (one.get("state") or {}) for one in statuses)
