"""A gateway: its listeners, started and stopped in order.

Contract: ``start`` binds all three listeners or raises OSError (files of TLS included);
``serve_until`` returns after a graceful drain, which has an order. The gateway is not ready any
more; other gateways take over its functions, and agents and waiting requests go to them; for
``linger_s`` whatever still comes is served, each answer the last of its connection; no connections
are accepted any more; requests in flight get ``drain_s``; links are closed; a gateway that is the
only one stays a little longer, so that connections to it are refused at once.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

from kubelambda.config import GatewaySettings
from kubelambda.core.access.authorizer import Authorizer
from kubelambda.core.coordination.membership import Member, View
from kubelambda.core.packages.store import PackageStore
from kubelambda.core.ports import Catalog, DemandSink, EventSink
from kubelambda.gateway.access.authenticator import AnonymousAuthenticator, Authenticator
from kubelambda.gateway.assembly import Assembly, Dependencies
from kubelambda.gateway.http.client_connections import Connections
from kubelambda.gateway.http.connection import HttpConnection
from kubelambda.gateway.http.tls import TlsFiles
from kubelambda.gateway.http.tls_listener import TlsListener
from kubelambda.gateway.invoke.front_page import RenderPage
from kubelambda.gateway.link.connection import LinkConnection
from kubelambda.gateway.metrics import GatewayMetrics
from kubelambda.gateway.peers.membership import FindPeers
from kubelambda.gateway.routes import Door
from kubelambda.process.standstill import sleep_and_read
from kubelambda.process.supervisor import Supervisor
from kubelambda.telemetry.health import HealthServer
from kubelambda.telemetry.metrics import build_registry

SWEEP_S = 1.0
BACKLOG = 4096

STAY_LINGERS = 2
"""The only gateway stays for so many times ``linger_s`` before its address goes."""


class Gateway:
    """One gateway process. Build, ``start`` and ``serve_until`` on one running loop."""

    def __init__(
        self,
        settings: GatewaySettings,
        catalog: Catalog,
        demand_sink: DemandSink,
        master_secret: bytes,
        find_peers: FindPeers | None = None,
        events: EventSink | None = None,
        packages: PackageStore | None = None,
        supervisor: Supervisor | None = None,
        render_page: RenderPage | None = None,
        authenticator: Authenticator | None = None,
        authorizer: Authorizer | None = None,
        door: Door | None = None,
    ) -> None:
        """``supervisor`` is closed with the gateway, whoever else keeps tasks with it."""
        self._supervisor = supervisor if supervisor is not None else Supervisor()
        self._settings = settings
        self._catalog = catalog
        registry = build_registry()
        self._metrics = GatewayMetrics(registry)
        self._dependencies = Dependencies(
            settings,
            catalog,
            demand_sink,
            master_secret,
            self._metrics,
            self._supervisor,
            authenticator or AnonymousAuthenticator(),
            find_peers=find_peers,
            events=events,
            packages=packages,
            render_page=render_page,
            authorizer=authorizer,
            door=door,
        )
        self._health = HealthServer(
            registry,
            check_live=self._supervisor.check_live,
            check_ready=self._check_ready,
            host=settings.host,
            port=settings.metrics_port,
        )
        self._tls: TlsFiles | None = None
        self._assembly: Assembly | None = None
        self._servers: list[asyncio.Server | TlsListener] = []
        self._stopping = False
        self.public_port = settings.public_port
        self.internal_port = settings.internal_port

    async def start(self) -> None:
        """Bind the listeners and begin to serve."""
        settings = self._settings
        if settings.tls_certificate_file:
            certificate, key = Path(settings.tls_certificate_file), Path(settings.tls_key_file)
            self._tls = TlsFiles(certificate, key)
        with contextlib.ExitStack() as unused:
            internal = unused.enter_context(_bind(settings.host, settings.internal_port))
            public = unused.enter_context(_bind(settings.host, settings.public_port))
            self.internal_port = int(internal.getsockname()[1])
            self.public_port = int(public.getsockname()[1])
            await self._health.start()
            address = f"{settings.pod_ip or settings.host}:{self.internal_port}"
            assembly = Assembly(self._dependencies, Member(settings.pod_name, address))
            self._assembly = assembly
            self._metrics.in_flight.set_function(assembly.pools.in_flight)
            self._metrics.environments.set_function(lambda: len(assembly.pools.environments()))
            _observe_held_bytes(self._metrics, assembly.connections)
            await self._listen(assembly.build_internal, internal)
            if self._tls is None:
                await self._listen(assembly.build_public, public)
            else:
                self._listen_tls(assembly.build_public, public, self._tls)
            unused.pop_all()
        assembly.membership.start()
        self._supervisor.keep("the demand reporter", assembly.reporter.run)
        self._supervisor.keep("the sweep of slow clients", lambda: self._sweep(assembly))
        if self._dependencies.find_peers is not None:
            self._supervisor.keep("the membership of gateways", assembly.membership.run)

    async def serve_until(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then drain and close."""
        try:
            await stop.wait()
        finally:
            await self._close()

    @property
    def view(self) -> View:
        """The gateways as this one sees them."""
        return self._assembly.membership.view if self._assembly is not None else View()

    async def _listen(
        self, build: Callable[[], HttpConnection | LinkConnection], listening: socket.socket
    ) -> None:
        loop = asyncio.get_running_loop()
        factory = cast("Callable[[], asyncio.Protocol]", build)
        self._servers.append(await loop.create_server(factory, sock=listening, backlog=BACKLOG))

    def _listen_tls(
        self, build: Callable[[], HttpConnection], listening: socket.socket, tls: TlsFiles
    ) -> None:
        listener = TlsListener(listening, lambda: tls.context, build, self._supervisor)
        listener.start(BACKLOG)
        self._servers.append(listener)

    async def _close(self) -> None:
        self._stopping = True
        assembly = self._assembly
        if assembly is not None:
            await self._drain(assembly)
        await self._supervisor.close()
        if assembly is not None:
            await assembly.heartbeats.close()
        await self._health.close()

    async def _drain(self, assembly: Assembly) -> None:
        connections = assembly.connections
        connections.leaving = True
        began, alone = asyncio.get_running_loop().time(), len(assembly.membership.view.members) < 2
        await assembly.membership.leave()
        assembly.trunks.go_away()
        await asyncio.sleep(self._settings.linger_s)
        for server in self._servers:
            server.close()
        for connection in list(connections.open):
            connection.finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_s):
                await connections.wait_closed()
                await assembly.pools.wait_released()
                await assembly.trunks.wait_idle()
        for environment in assembly.pools.environments():
            environment.go_away()
        for link in list(assembly.links.authenticated):
            link.close()
        if alone:
            await self._refuse_until(began + STAY_LINGERS * self._settings.linger_s)
        connections.abort()
        assembly.internal_connections.abort()
        assembly.trunks.abort()
        assembly.forwarder.close()

    async def _refuse_until(self, moment: float) -> None:
        """Keep this address alive without a listener: what is still sent here is refused at once.

        While it is the only gateway clients are sent to it until it is known not to be ready; an
        address that is gone already would swallow their connections in silence.
        """
        await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))

    async def _sweep(self, assembly: Assembly) -> None:
        loop = asyncio.get_running_loop()
        settings = self._settings
        shortest_s = min(settings.head_timeout_s, settings.body_timeout_s, settings.write_timeout_s)
        pause_s = min(SWEEP_S, shortest_s)
        while True:
            await sleep_and_read(pause_s)
            assembly.connections.sweep(loop.time())
            assembly.internal_connections.sweep(loop.time())
            if self._tls is not None:
                self._tls.refresh()

    def _check_ready(self) -> str:
        if self._stopping:
            return "stopping"
        if self._assembly is None or not self._assembly.membership.view.members:
            return "the gateways have not found each other yet"
        if not self._catalog.synced:
            return "the catalog of functions is not read yet"
        return self._supervisor.check_ready()


def _observe_held_bytes(metrics: GatewayMetrics, connections: Connections) -> None:
    metrics.held_bytes.labels("requests").set_function(lambda: connections.payloads.held_bytes)
    metrics.held_bytes.labels("uploads").set_function(lambda: connections.uploads.held_bytes)
    metrics.held_bytes.labels("answers").set_function(lambda: connections.answers.bytes_held)


def _bind(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
