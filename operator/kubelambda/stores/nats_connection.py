"""One connection to NATS for all drivers of a process; it is replaced whenever it breaks.

Contract: ``open`` returns at once and connects in the background, as a task of the given
supervisor; ``client`` raises NotConnectedError while there is no connection, and ``check_ready``
says why. On every new connection, and on every reconnection, the preparations run in order; one
that fails ends it, and it is tried again. ``close`` comes after the supervisor's.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError

import nats
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

CONNECT_S = 2.0
RETRY_S = 1.0
CLOSE_S = 2.0

Prepare = Callable[[Client], Awaitable[None]]


class NotConnectedError(ConnectionError):
    """There is no connection to NATS now."""


class NatsConnection:
    """``prepare`` before ``open``."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self._url = url
        self._server = _describe_server(url)
        self._token = token
        self._preparations: list[Prepare] = []
        self._client: Client | None = None
        self._usable = False
        self._problem = "not connected yet"
        self._closed = asyncio.Event()

    def prepare(self, step: Prepare) -> None:
        """Call ``step`` with each new connection, before anybody else gets it."""
        self._preparations.append(step)

    async def open(self, supervisor: Supervisor) -> None:
        """Begin to connect, and go on until ``supervisor`` is closed."""
        supervisor.keep("the connection to NATS", self._keep_connected)

    async def close(self) -> None:
        """Close the connection."""
        await self._disconnect()

    def check_ready(self) -> str:
        """Empty while there is a connection; else a sentence that says what is wrong."""
        if self._is_connected():
            return ""
        return f"NATS at {self._server} cannot be used: {self._problem}"

    @property
    def client(self) -> Client:
        """The connection; NotConnectedError if there is none."""
        if self._client is None or not self._is_connected():
            raise NotConnectedError("not connected to NATS")
        return self._client

    def _is_connected(self) -> bool:
        return self._usable and self._client is not None and self._client.is_connected

    async def _keep_connected(self) -> None:
        while True:
            try:
                await self._connect()
                await self._closed.wait()
                self._problem = "the connection was closed"
                logger.warning("the connection to NATS is closed; reconnecting")
            except (NatsError, OSError, TimeoutError) as error:
                self._problem = repr(error)
                logger.warning("cannot use NATS at %s yet: %r", self._server, error)
            finally:
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
            disconnected_cb=self._note_disconnected,
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
        except Exception as error:  # noqa: BLE001  # nats-py's task must not end by it
            self._problem = repr(error)
            logger.warning("NATS is back and cannot be used: %r; reconnecting", error)
            self._usable = False
            await _close(client)

    async def _note_disconnected(self) -> None:
        self._problem = "the connection was lost"

    async def _note_closed(self) -> None:
        self._closed.set()

    async def _disconnect(self) -> None:
        self._usable = False
        client, self._client = self._client, None
        if client is not None:
            await _close(client)


def _describe_server(url: str) -> str:
    """``url`` without the user and the password, or the token, that it may hold."""
    return url.rpartition("@")[2]


async def _close(client: Client) -> None:
    """Close it, but do not wait for ever if the server has gone (nats-py would)."""
    with contextlib.suppress(NatsError, OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await client.close()


async def _log_error(error: Exception) -> None:
    logger.info("NATS: %r", error)
