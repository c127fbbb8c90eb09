"""/metrics, /healthz and /readyz of a process role, on a port of their own.

Contract: answers from the checks it is given; holds no state of the role. A check returns "" when
all is well, else a sentence that becomes the body of the 503.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Check = Callable[[], str]

_SHUTDOWN_S = 0.5


class HealthServer:
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
        self._host = host
        self.port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Bind and serve; OSError where the port is taken."""
        application = web.Application()
        application.router.add_get("/metrics", self._serve_metrics)
        application.router.add_get("/healthz", self._serve_liveness)
        application.router.add_get("/readyz", self._serve_readiness)
        runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_S,
        )
        await runner.setup()
        site = web.TCPSite(runner, self._host, self.port)
        await site.start()
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()

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
