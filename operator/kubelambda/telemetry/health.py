"""/metrics, /healthz and /readyz of a process role, on a port of their own.

Contract: answers from the checks that it is given and holds no state of the role. A check returns
"" when all is well, otherwise a sentence that becomes the body of the 503.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from kubelambda.telemetry.http_port import HttpPort

Check = Callable[[], str]


class HealthServer(HttpPort):
    """Serves until ``close``; ``start`` binds the port (0 picks one, see ``port``)."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        check_live: Check,
        check_ready: Check,
        host: str = "0.0.0.0",  # noqa: S104  # kubelet and Prometheus come from outside the pod
        port: int = 0,
    ) -> None:
        self._registry = registry
        self._check_live = check_live
        self._check_ready = check_ready
        application = web.Application()
        application.router.add_get("/metrics", self._serve_metrics)
        application.router.add_get("/healthz", self._serve_liveness)
        application.router.add_get("/readyz", self._serve_readiness)
        super().__init__(application, host, port)

    async def _serve_metrics(self, _: web.Request) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _serve_liveness(self, _: web.Request) -> web.Response:
        return _answer(self._check_live())

    async def _serve_readiness(self, _: web.Request) -> web.Response:
        return _answer(self._check_ready())


def _answer(problem: str) -> web.Response:
    if problem:
        return web.Response(status=503, text=problem + "\n")
    return web.Response(text="ok\n")
