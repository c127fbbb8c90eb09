"""A gateway: its listeners and its parts, started and stopped in order.

Contract: ``start`` binds all three listeners or raises OSError; ``serve_until`` returns after a
graceful drain. Order of stopping: no new connections; keep-alive connections end after the answers
that they are owed; requests in flight get ``drain_s``; agents are sent goaway; links close.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from kubelambda.config import GatewaySettings
from kubelambda.core.demand import Drain
from kubelambda.core.function import FunctionRef
from kubelambda.core.keys import derive_function_key
from kubelambda.core.ports import Catalog, DemandSink
from kubelambda.gateway.admission import Admissions
from kubelambda.gateway.demand import DemandReporter
from kubelambda.gateway.http import Connections, HttpConnection
from kubelambda.gateway.invoke_api import InvokeApi, limit_body
from kubelambda.gateway.link import LinkConnection, LinkContext
from kubelambda.gateway.metrics import GatewayMetrics
from kubelambda.gateway.ownership import Membership
from kubelambda.gateway.pool import Pools
from kubelambda.telemetry.health import HealthServer
from kubelambda.telemetry.metrics import build_registry

logger = logging.getLogger(__name__)

SWEEP_S = 1.0
BACKLOG = 4096


class Gateway:
    """One gateway process. Build, ``start`` and ``serve_until`` on one running loop."""

    def __init__(
        self,
        settings: GatewaySettings,
        catalog: Catalog,
        demand_sink: DemandSink,
        master_secret: bytes,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._master_secret = master_secret
        registry = build_registry()
        self._metrics = GatewayMetrics(registry)
        self._membership = Membership((settings.pod_name,))
        self._pools = Pools(start_wait_s=settings.start_wait_s, notify=self._notify)
        self._admissions = Admissions(catalog, region=settings.region, open_pool=self._pools.open)
        self._reporter = DemandReporter(
            settings.pod_name, demand_sink, self._pools.reports, self._drain
        )
        self._api = InvokeApi(
            catalog,
            region=settings.region,
            default_namespace=settings.default_namespace,
            anonymous=settings.anonymous_invocation,
            submit=self._pools.submit,
            abandon=self._pools.abandon,
            count=self._metrics.count,
        )
        self._connections = Connections()
        self._links = LinkContext(
            derive_key=self._derive_key,
            admit=self._admissions.admit,
            attach=self._pools.attach,
            detach=self._pools.detach,
            listener=self._pools,
            epoch=self._membership.epoch,
        )
        self._health = HealthServer(
            registry,
            check_live=lambda: "",
            check_ready=self._check_ready,
            host=settings.host,
            port=settings.metrics_port,
        )
        self._metrics.in_flight.set_function(self._pools.in_flight)
        self._metrics.environments.set_function(lambda: len(self._pools.environments()))
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self.public_port = settings.public_port
        self.internal_port = settings.internal_port

    async def start(self) -> None:
        """Bind the listeners and begin to serve."""
        self._catalog.subscribe(self._follow)
        self.internal_port = await self._listen(
            lambda: LinkConnection(self._links), self._settings.internal_port
        )
        self.public_port = await self._listen(
            lambda: HttpConnection(self._api.serve, limit_body, self._connections),
            self._settings.public_port,
        )
        await self._health.start()
        self._tasks = [
            asyncio.create_task(self._reporter.run()),
            asyncio.create_task(self._sweep()),
        ]

    async def serve_until(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then drain and close."""
        try:
            await stop.wait()
        finally:
            await self._close()

    async def _listen(self, protocol: Callable[[], Any], port: int) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            protocol, self._settings.host, port, backlog=BACKLOG, reuse_address=True
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._stopping = True
        for server in self._servers:
            server.close()
        for connection in list(self._connections.open):
            connection.finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_s):
                await self._connections.wait_closed()
        for environment in self._pools.environments():
            environment.go_away()
        for link in list(self._links.links):
            link.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._health.close()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            self._connections.sweep(loop.time())

    def _follow(self, ref: FunctionRef) -> None:
        function = self._catalog.get(ref)
        if function is None:
            self._pools.remove(ref)
        else:
            self._pools.update(function)
            self._admissions.reconsider(ref)

    def _drain(self, drain: Drain) -> None:
        self._pools.drain(FunctionRef(drain.namespace, drain.name), drain.pod)

    def _derive_key(self, uid: str, key_generation: int) -> bytes | None:
        current = self._settings.key_generation
        if key_generation not in (current, current - 1):
            return None
        return derive_function_key(self._master_secret, uid, key_generation)

    def _check_ready(self) -> str:
        if self._stopping:
            return "stopping"
        return "" if self._catalog.synced else "the catalog of functions is not read yet"

    def _notify(self) -> None:
        self._reporter.notify()
