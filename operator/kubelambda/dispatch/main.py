"""The role ``kubelambda dispatcher``.

Contract: runs until SIGTERM or SIGINT; exit code 0 after a graceful drain, 2 where it cannot start.
"""

import asyncio
import logging
import signal
import time

import uvloop

from kubelambda.config import DispatcherSettings, SettingError
from kubelambda.dispatch.dispatcher import Dispatcher
from kubelambda.dispatch.metrics import DispatchMetrics
from kubelambda.dispatch.relay import RelayInvoker
from kubelambda.stores.jetstream import JetStreamQueue
from kubelambda.stores.nats_connection import NatsConnection
from kubelambda.telemetry.health import HealthServer
from kubelambda.telemetry.logs import configure_logging
from kubelambda.telemetry.metrics import build_registry

logger = logging.getLogger(__name__)

EXIT_SETTINGS = 2


def run(settings: DispatcherSettings) -> int:
    """Run a dispatcher to its end; the exit code."""
    configure_logging(settings.log_level)
    try:
        master_secret = settings.read_master_secret()
        token = settings.read_queue_token()
    except SettingError as error:
        logger.error("%s", error)  # noqa: TRY400  # the message says all, a traceback hides it
        return EXIT_SETTINGS
    uvloop.run(_serve(settings, master_secret, token))
    return 0


async def _serve(settings: DispatcherSettings, master_secret: bytes, token: str) -> None:
    registry = build_registry()
    connection = NatsConnection(settings.queue_url, token=token)
    queue = JetStreamQueue(connection, replicas=settings.queue_replicas)
    invoker = RelayInvoker(settings.gateway_address, master_secret)
    dispatcher = Dispatcher(queue, invoker, DispatchMetrics(registry), time.time)
    health = HealthServer(
        registry, check_live=lambda: "", check_ready=lambda: "", port=settings.metrics_port
    )
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await connection.open()
    await health.start()
    running = asyncio.create_task(dispatcher.run())
    try:
        await stop.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await dispatcher.drain(settings.drain_s)
        await invoker.close()
        await connection.close()
        await health.close()
