"""One connection to NATS for the drivers of a process, made anew for ever.

Contract: ``open`` returns at once and connects in the background; ``client`` raises
NotConnectedError while there is no connection. On every new connection, and on every reconnection,
the preparations run in order; one that fails ends it, and it is tried again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError

import nats

logger = logging.getLogger(__name__)

CONNECT_S = 2.0
RETRY_S = 1.0

Prepare = Callable[[Client], Awaitable[None]]


class NotConnectedError(ConnectionError):
    """There is no connection to NATS now."""


class NatsConnection:
    """``prepare`` before ``open``."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self._url = url
        self._token = token
        self._preparations: list[Prepare] = []
        self._client: Client | None = None
        self._usable = False
        self._closed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def prepare(self, step: Prepare) -> None:
        """Call ``step`` with each new connection, before anybody else gets it."""
        self._preparations.append(step)

    async def open(self) -> None:
        """Begin to connect, and go on for ever."""
        self._task = asyncio.create_task(self._keep_connected())

    async def close(self) -> None:
        """Close the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._disconnect()

    @property
    def client(self) -> Client:
        """The connection; NotConnectedError where there is none."""
        if not self._usable or self._client is None or not self._client.is_connected:
            raise NotConnectedError("not connected to NATS")
        return self._client

    async def _keep_connected(self) -> None:
        while True:
            try:
                await self._connect()
                await self._closed.wait()
                logger.warning("the connection to NATS is closed; connecting anew")
            except (NatsError, OSError, TimeoutError) as error:
                logger.warning("cannot use NATS at %s yet: %r", self._url, error)
            await self._disconnect()
            await asyncio.sleep(RETRY_S)

    async def _connect(self) -> None:
        self._closed.clear()
        self._client = await nats.connect(
            self._url,
            token=self._token or None,
            connect_timeout=CONNECT_S,
            reconnect_time_wait=RETRY_S,
            max_reconnect_attempts=-1,
            allow_reconnect=True,
            ping_interval=10,
            max_outstanding_pings=2,
            error_cb=_log_error,
            closed_cb=self._note_closed,
            reconnected_cb=self._prepare_again,
        )
        for step in self._preparations:
            await step(self._client)
        self._usable = True

    async def _prepare_again(self) -> None:
        """The server may have come back without its storage."""
        client = self._client
        if client is None or not self._usable:
            return
        try:
            for step in self._preparations:
                await step(client)
        except (NatsError, OSError, TimeoutError) as error:
            logger.warning("NATS is back and cannot be used: %r; connecting anew", error)
            await client.close()

    async def _note_closed(self) -> None:
        self._closed.set()

    async def _disconnect(self) -> None:
        self._usable = False
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await client.close()


async def _log_error(error: Exception) -> None:
    logger.info("NATS: %r", error)
