"""The trunks that other gateways have opened to this one.

Contract: docs/forwarding.md. A connection that has not proved within OPENING_S that it comes from a
gateway is closed; an address may have UNPROVED_MAX of those at a time. ``go_away`` asks for no new
events, and ``wait_idle`` returns when the running ones have been answered.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from kubelambda.core.wire import trunk_opening
from kubelambda.core.wire.relay import RelayRequest
from kubelambda.gateway.peers.served_stream import ServedStream
from kubelambda.gateway.peers.trunk import PING_S, STALL_S, TrunkProtocol
from kubelambda.gateway.peers.trunk_server import Budget, TrunkServer
from kubelambda.process.signatures import Signatures

logger = logging.getLogger(__name__)

OPENING_S: Final = 5.0
UNPROVED_MAX: Final = 8

ServeHttp = Callable[[asyncio.Transport, bytes], None]
ServeStream = Callable[[RelayRequest, bytes, ServedStream], None]


class TrunkListener:
    """A driver of ``trunk_server.TrunkKeeper``.

    ``address`` is the one that other gateways dial. ``serve`` runs an event; ``serve_http`` takes a
    connection that is not a trunk, with what has been received on it.
    """

    def __init__(
        self,
        signatures: Signatures,
        *,
        address: str,
        budget: Budget,
        answers: Budget,
        serve: ServeStream,
        serve_http: ServeHttp,
        stall_s: float = STALL_S,
    ) -> None:
        self._stall_s = stall_s
        self.address = address
        self.budget = budget
        self.answers = answers
        self.serve = serve
        self.serve_http = serve_http
        self.prove = signatures.prove
        self.is_proof = signatures.is_proof
        self._unproved: dict[TrunkServer, asyncio.TimerHandle] = {}
        self._open: set[TrunkServer] = set()
        self._is_leaving = False
        self._emptied = asyncio.Event()

    def accept(self, transport: asyncio.Transport, received: bytes) -> None:
        """Take a connection that begins with ``received``, a trunk or not."""
        if trunk_opening.is_opening(received) is False:
            self.serve_http(transport, received)
            return
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if sum(one.peer == address for one in self._unproved) >= UNPROVED_MAX:
            transport.abort()
            return
        trunk = TrunkServer(self, address, PING_S, self._stall_s)
        loop = asyncio.get_running_loop()
        self._unproved[trunk] = loop.call_later(OPENING_S, self._expire, trunk)
        protocol = TrunkProtocol(trunk)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(received)

    def go_away(self) -> None:
        """This gateway is stopping: ask the others to send new events elsewhere."""
        self._is_leaving = True
        for trunk in self._open:
            trunk.go_away()

    async def wait_idle(self) -> None:
        """Return when no event is in flight and every answer is on its way."""
        while not all(one.is_idle for one in self._open):
            self._emptied.clear()
            await self._emptied.wait()

    def abort(self) -> None:
        """Close every trunk at once."""
        for trunk in [*self._open, *self._unproved]:
            trunk.abort()

    # trunk_server.TrunkKeeper

    def proved(self, trunk: TrunkServer) -> None:
        """It is open."""
        self._unproved.pop(trunk).cancel()
        self._open.add(trunk)
        if self._is_leaving:
            trunk.go_away()

    def ended(self, trunk: TrunkServer) -> None:
        """It is gone."""
        timer = self._unproved.pop(trunk, None)
        if timer is not None:
            timer.cancel()
        self._open.discard(trunk)
        self._emptied.set()

    def emptied(self) -> None:
        """No event is in flight on one of them."""
        self._emptied.set()

    def _expire(self, trunk: TrunkServer) -> None:
        logger.warning("%s has not proved to be a gateway in time", trunk.peer)
        trunk.abort()
