"""The role ``kubelambda dispatcher``.

Contract: runs until SIGTERM or SIGINT; exit code 0 after a graceful drain, 2 if it cannot start.
It is ready while it is connected to the queue and its loops run, and live unless one of them fails
again and again.
"""

import asyncio
import logging
import time

import uvloop

from kubelambda.config import DispatcherSettings, SettingError
from kubelambda.dispatch.dispatcher import Dispatcher
from kubelambda.dispatch.metrics import DispatchMetrics
from kubelambda.dispatch.relay import RelayInvoker
from kubelambda.process.signals import set_on_stop
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.jetstream import JetStreamQueue
from kubelambda.stores.nats_connection import NatsConnection
from kubelambda.telemetry.build_info import read_build_info
from kubelambda.telemetry.health import HealthServer
from kubelambda.telemetry.logs import configure_logging
from kubelambda.telemetry.metrics import build_registry

logger = logging.getLogger(__name__)

EXIT_SETTINGS = 2


def run(settings: DispatcherSettings) -> int:
    """Run a dispatcher to its end; the exit code."""
    configure_logging(settings.log_level)
    logger.info("dispatcher of kubelambda %s", read_build_info())
    try:
        master_secret = settings.read_master_secret()
        token = settings.read_queue_token()
    except SettingError as error:
        logger.error("%s", error)  # noqa: TRY400  # the message says all, a traceback hides it
        return EXIT_SETTINGS
    uvloop.run(_serve(settings, master_secret, token))
    return 0


async def _serve(settings: DispatcherSettings, master_secret: bytes, token: str) -> None:
    registry, supervisor = build_registry(), Supervisor()
    metrics = DispatchMetrics(registry)
    connection = NatsConnection(settings.queue_url, token=token)
    queue = JetStreamQueue(
        connection, replicas=settings.queue_replicas, on_unreadable=metrics.count_unreadable
    )
    signatures = Signatures.derive(master_secret, settings.internal_key_generation)
    invoker = RelayInvoker(settings.gateway_address, signatures)
    dispatcher = Dispatcher(queue, invoker, metrics, time.time, supervisor=supervisor)
    health = HealthServer(
        registry,
        check_live=supervisor.check_live,
        check_ready=lambda: supervisor.check_ready() or connection.check_ready(),
        port=settings.metrics_port,
    )
    stop = asyncio.Event()
    set_on_stop(stop)
    await connection.open(supervisor)
    await health.start()
    dispatcher.open()
    try:
        await stop.wait()
    finally:
        await dispatcher.drain(settings.drain_s)
        await supervisor.close()
        await invoker.close()
        await connection.close()
        await health.close()
