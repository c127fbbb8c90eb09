"""Accepts the connections of a TLS listener itself, so that they are counted from the first moment.

Contract: a connection is counted before its handshake, which may take ``HANDSHAKE_S``. One that is
over a limit is closed without an answer, since an answer would cost a handshake. After ``close``
none is accepted; handshakes that have begun go on.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import cast

from kubelambda.gateway.http.connection import HttpConnection
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

HANDSHAKE_S = 10.0
ACCEPT_AGAIN_S = 1.0
"""After an error such as too many open files, as asyncio's own servers do."""


class TlsListener:
    """Owns ``listening``, which is bound; ``build`` makes a connection.

    ``get_context`` is asked for each connection, since certificates are renewed.
    """

    def __init__(
        self,
        listening: socket.socket,
        get_context: Callable[[], ssl.SSLContext],
        build: Callable[[], HttpConnection],
        supervisor: Supervisor,
    ) -> None:
        self._listening = listening
        self._get_context = get_context
        self._build = build
        self._loop = asyncio.get_running_loop()
        self._accepting: asyncio.Task[None] | None = None
        self._supervisor = supervisor

    def start(self, backlog: int) -> None:
        """Begin to accept."""
        self._listening.listen(backlog)
        self._accepting = self._supervisor.keep("accepting TLS connections", self._accept)
        self._accepting.add_done_callback(lambda _: self._listening.close())

    def close(self) -> None:
        """Accept no more; the port is free a moment later, when the accepting task has ended."""
        if self._accepting is not None:
            self._accepting.cancel()

    async def _accept(self) -> None:
        while True:
            try:
                client, address = await self._loop.sock_accept(self._listening)
            except OSError as error:
                logger.warning("cannot accept; trying again in %.0f s: %s", ACCEPT_AGAIN_S, error)
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            connection = self._build()
            if not connection.count_in(str(address[0])):
                client.close()
                continue
            self._supervisor.spawn("a TLS handshake", self._shake_hands(connection, client))

    async def _shake_hands(self, connection: HttpConnection, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: cast("asyncio.Protocol", connection),
                client,
                ssl=self._get_context(),
                ssl_handshake_timeout=HANDSHAKE_S,
            )
        except OSError as error:
            logger.debug("a TLS handshake failed: %s", error)
            connection.count_out()
        except BaseException:
            connection.count_out()
            client.close()
            raise
