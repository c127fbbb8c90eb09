"""The role ``kubelambda gateway``.

Contract: runs until SIGTERM or SIGINT; exit code 0 after a graceful drain, 2 if it cannot start.
"""

import asyncio
import logging

import uvloop

from kubelambda.catalog.cluster import ClusterCatalog
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import GatewaySettings, SettingError
from kubelambda.gateway.packages.layer_keeper import LayerKeeper
from kubelambda.gateway.peers.discovery import DnsPeers
from kubelambda.gateway.pools.demand_sink import HttpDemandSink
from kubelambda.gateway.server import Gateway
from kubelambda.process.signals import set_on_stop
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.jetstream import JetStreamQueue
from kubelambda.stores.jetstream_packages import JetStreamPackages
from kubelambda.stores.nats_connection import NatsConnection
from kubelambda.telemetry.build_info import read_build_info
from kubelambda.telemetry.logs import configure_logging

logger = logging.getLogger(__name__)

EXIT_SETTINGS = 2


def run(settings: GatewaySettings) -> int:
    """Run a gateway to its end; the exit code."""
    configure_logging(settings.log_level)
    logger.info("gateway of kubelambda %s", read_build_info())
    try:
        master_secret = settings.read_master_secret()
        queue_token = settings.read_queue_token()
    except SettingError as error:
        logger.error("%s", error)  # noqa: TRY400  # the message says all, a traceback hides it
        return EXIT_SETTINGS
    return uvloop.run(_serve(settings, master_secret, queue_token))


async def _serve(settings: GatewaySettings, master_secret: bytes, queue_token: str) -> int:
    index = FunctionIndex()
    catalog = ClusterCatalog(
        index,
        url=settings.api_server_url,
        ca_file=settings.api_ca_file,
        token_file=settings.api_token_file,
        namespaces=settings.watch_namespaces,
    )
    signatures = Signatures.derive(master_secret, settings.internal_key_generation)
    sink = HttpDemandSink(settings.controller_url, signatures)
    peers = DnsPeers(settings.peers_name, settings.internal_port) if settings.peers_name else None
    connection = None
    if settings.queue_url:
        connection = NatsConnection(settings.queue_url, token=queue_token)
    replicas = settings.queue_replicas
    queue = JetStreamQueue(connection, replicas=replicas) if connection else None
    find_peers = peers.find if peers else None
    packages = JetStreamPackages(connection, replicas=replicas) if connection else None
    supervisor = Supervisor()
    if packages is not None:
        supervisor.keep("the keeper of layers", LayerKeeper(index, packages).run)
    gateway = Gateway(settings, index, sink, master_secret, find_peers, queue, packages, supervisor)
    stop = asyncio.Event()
    set_on_stop(stop)
    try:
        await gateway.start()
    except OSError as error:
        logger.error("the gateway cannot start: %s", error)  # noqa: TRY400  # the message says all
        await supervisor.close()
        return EXIT_SETTINGS
    if connection is not None:
        await connection.open(supervisor)
    await catalog.start(supervisor)
    try:
        await gateway.serve_until(stop)
    finally:
        await catalog.close()
        await sink.close()
        if connection is not None:
            await connection.close()
    return 0
