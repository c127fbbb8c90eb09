"""The parts of a gateway and how they are joined.

Contract: makes no I/O of its own; ``server`` owns the sockets, the tasks and the order of starting
and stopping.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from kubelambda.config import GatewaySettings
from kubelambda.core.access.authorizer import AnonymousAuthorizer, Authorizer
from kubelambda.core.coordination.membership import Member
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.packages.store import PackageStore
from kubelambda.core.ports import Catalog, DemandSink, EventSink
from kubelambda.core.wire.demand import Drain
from kubelambda.core.wire.frames import EPOCH_KEY_INFO, is_epoch_proved, prove_epoch
from kubelambda.core.wire.keys import derive_function_key, derive_key
from kubelambda.gateway.access.authentication import Authentication
from kubelambda.gateway.access.authenticator import Authenticator
from kubelambda.gateway.http.body_budget import BodyBudget
from kubelambda.gateway.http.client_connections import Connections
from kubelambda.gateway.http.connection import HttpConnection
from kubelambda.gateway.http.spool import Spool
from kubelambda.gateway.invoke.failure import answer_failure
from kubelambda.gateway.invoke.front_page import RenderPage
from kubelambda.gateway.invoke.internal_api import InternalApi
from kubelambda.gateway.invoke.invoke_api import InvokeApi
from kubelambda.gateway.invoke.resolve import Resolver
from kubelambda.gateway.link.connection import LinkConnection
from kubelambda.gateway.link.hello_decider import HelloDecider
from kubelambda.gateway.link.links import Links
from kubelambda.gateway.metrics import GatewayMetrics
from kubelambda.gateway.packages.package_api import PackageApi
from kubelambda.gateway.packages.package_cache import PackageCache
from kubelambda.gateway.peers.forwarder import Forwarder
from kubelambda.gateway.peers.heartbeats import HttpHeartbeats
from kubelambda.gateway.peers.membership import FindPeers, Membership
from kubelambda.gateway.peers.router import Router
from kubelambda.gateway.peers.trunk_listener import TrunkListener
from kubelambda.gateway.pools.demand_reporter import DemandReporter
from kubelambda.gateway.pools.pools import Pools
from kubelambda.gateway.routes import Door, InternalRoutes, PublicRoutes
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor

UPLOADS_DIRECTORY = "uploads"
"""The part of the package cache's directory in which uploads wait until they are complete."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a gateway is given: settings, and the drivers of its ports."""

    settings: GatewaySettings
    catalog: Catalog
    demand_sink: DemandSink
    master_secret: bytes
    metrics: GatewayMetrics
    supervisor: Supervisor
    """Owns every task of the gateway."""
    authenticator: Authenticator
    """Tells who sends a request."""
    find_peers: FindPeers | None = None
    """How to find other gateways; None for one that is alone."""
    events: EventSink | None = None
    """Where asynchronous events go; None if there is no queue."""
    packages: PackageStore | None = None
    """Where uploaded packages are; None if none are kept."""
    render_page: RenderPage | None = None
    """What ``GET /`` is answered with; None if there is no such page: on a cluster."""
    door: Door | None = None
    """What else the public listener serves; None on a cluster."""
    authorizer: Authorizer | None = None
    """Decides what callers may do; None: what the settings say of anonymous ones."""


class Assembly:
    """The parts, joined. ``own`` is the name and address by which others know this gateway."""

    def __init__(self, given: Dependencies, own: Member) -> None:
        self._given = given
        settings, catalog = given.settings, given.catalog
        signatures = Signatures.derive(given.master_secret, given.settings.internal_key_generation)
        self.connections = Connections(
            settings, on_cut=given.metrics.count_cut, open_spool=self._open_spool
        )
        self.internal_connections = Connections()
        self.heartbeats = HttpHeartbeats(signatures)
        self.forwarder = Forwarder(signatures, given.supervisor, stall_s=settings.stall_s)
        self.pools = Pools(
            start_wait_s=settings.start_wait_s,
            notify=self._notify,
            peer_counts=_PeerCounts(self),
            find=catalog.get,
            observe_stage=given.metrics.observe_stage,
        )
        self.membership = Membership(
            own,
            sender=self.heartbeats,
            find_peers=given.find_peers,
            load=self.pools,
            is_ready=lambda: catalog.synced,
            on_change=self._follow_view,
            on_dead=self.forwarder.drop,
        )
        self.router = Router(self.membership, self.pools, self.forwarder)
        self._epoch_key = derive_key(given.master_secret, EPOCH_KEY_INFO)
        self.hello_decider = HelloDecider(
            catalog,
            self.membership,
            region=settings.region,
            open_pool=self.pools.open,
            is_epoch_proved=partial(is_epoch_proved, self._epoch_key),
        )
        self.reporter = DemandReporter(
            own.name,
            given.demand_sink,
            self.pools,
            self._drain,
            observe_stage=given.metrics.observe_stage,
        )
        self._build_routes(signatures)
        self.links = self._build_links()
        catalog.subscribe(self._follow_function)

    def _build_routes(self, signatures: Signatures) -> None:
        given, settings, catalog = self._given, self._given.settings, self._given.catalog
        supervisor = given.supervisor
        authorizer = given.authorizer or AnonymousAuthorizer(
            allows_anonymous=settings.anonymous_invocation
        )
        resolver = Resolver(
            catalog, region=settings.region, default_namespace=settings.default_namespace
        )
        invoke_api = InvokeApi(
            resolver,
            authorizer=authorizer,
            submit=self.router.submit,
            count=given.metrics.count,
            events=given.events,
            supervisor=supervisor,
        )
        internal_api = InternalApi(
            signatures,
            membership=self.membership,
            resolver=resolver,
            submit=self.router.submit,
            supervisor=supervisor,
        )
        package_api = PackageApi(
            _build_cache(given),
            catalog,
            self._derive_key,
            signatures=signatures,
            authorizer=authorizer,
            supervisor=supervisor,
        )
        self._public = PublicRoutes(
            invoke_api,
            package_api,
            given.render_page,
            authorizer,
            keeps_packages=given.packages is not None,
            door=given.door,
        )
        self._authentication = Authentication(
            given.authenticator, self._public.serve, given.supervisor
        )
        self._internal = InternalRoutes(internal_api, package_api)
        self.trunks = TrunkListener(
            signatures,
            address=self.membership.own.address,
            budget=self.internal_connections.payloads,
            answers=BodyBudget(settings.answers_bytes_max),
            serve=internal_api.serve_stream,
            serve_http=self._serve_http,
            stall_s=settings.stall_s,
        )

    def _build_links(self) -> Links:
        settings = self._given.settings
        return Links(
            derive_key=self._derive_key,
            decider=self.hello_decider,
            attach=self.pools.attach,
            detach=self.pools.detach,
            listener=self.pools,
            read_epoch=lambda: self.membership.view.epoch,
            prove_epoch=partial(prove_epoch, self._epoch_key),
            serve_http=self.trunks.accept,
            ping_s=settings.link_ping_s,
            dead_s=settings.link_dead_s,
        )

    def build_public(self) -> HttpConnection:
        """A connection of the public listener."""
        return HttpConnection(
            self._authentication.serve, self._public.rule_body, self.connections, answer_failure
        )

    def build_internal(self) -> LinkConnection:
        """A connection of the internal listener: an agent, until it proves to be a request."""
        return LinkConnection(self.links)

    def _serve_http(self, transport: asyncio.Transport, received: bytes) -> None:
        """A connection of the internal listener has proved to be a request, and not a trunk."""
        connection = HttpConnection(
            self._internal.serve,
            self._internal.rule_body,
            self.internal_connections,
            answer_failure,
            keeps_half_closed=False,  # a sender half-closes to give up an event
        )
        transport.set_protocol(cast("asyncio.Protocol", connection))
        connection.connection_made(transport)
        connection.data_received(received)

    def _open_spool(self, on_room: Callable[[], None]) -> Spool:
        directory = self._given.settings.package_cache / UPLOADS_DIRECTORY
        return Spool(directory, self._given.supervisor, on_room)

    def _follow_view(self) -> None:
        epoch = self.membership.view.epoch
        epoch_proof = prove_epoch(self._epoch_key, epoch)
        for invocation in self.pools.relinquish(self._find_successor, epoch, epoch_proof):
            self.router.submit(invocation)
        self.hello_decider.reconsider_all()

    def _find_successor(self, ref: FunctionRef) -> str | None:
        owner = self.membership.find_owner(ref)
        return None if owner is None or owner == self.membership.own else owner.address

    def _follow_function(self, ref: FunctionRef) -> None:
        function = self._given.catalog.get(ref)
        if function is None:
            self.pools.remove(ref)
        else:
            self.pools.update(function)
            self.hello_decider.reconsider(ref)

    def _drain(self, drain: Drain) -> None:
        self.pools.drain(FunctionRef(drain.namespace, drain.name), drain.pod)

    def _derive_key(self, uid: str, key_generation: int) -> bytes | None:
        current = self._given.settings.key_generation
        if key_generation not in (current, current - 1):
            return None
        return derive_function_key(self._given.master_secret, uid, key_generation)

    def _notify(self, ref: FunctionRef) -> None:
        self.reporter.notify(ref)


class _PeerCounts:
    """What other gateways hold; asked by the pools, which are made before the membership."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly

    def count_function(self, ref: FunctionRef, heard: int) -> int:
        return self._assembly.membership.count_function(ref, heard)

    def count_account(self, account_id: str) -> int:
        return self._assembly.membership.count_account(account_id)


def _build_cache(given: Dependencies) -> PackageCache | None:
    if given.packages is None:
        return None
    return PackageCache(given.packages, given.settings.package_cache, given.supervisor)
