"""A connection to another gateway's internal listener: raw HTTP, one request in flight.

Contract: ``core.wire.relay``. A reply that cannot be understood, or that goes over its limit, ends
the connection and drops the relay, since the event may have run. What a stream's caller does not
take is not read. A connection that can be used again is given back to the ``ConnectionKeeper``.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol, cast

import httptools

from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import RESPONSE_BYTES_MAX, Dropped, Outcome
from kubelambda.core.wire.relay import POSITIONAL, MalformedRelayError
from kubelambda.core.wire.relay_outcome import OUTCOME_HEADER, decode_outcome, is_stream
from kubelambda.gateway.peers.relay import Relay
from kubelambda.process.keepalive import set_keepalive

logger = logging.getLogger(__name__)

PROCESSING, OK, UNREADABLE = 102, 200, 400


class ConnectionKeeper(Protocol):
    """Who keeps the connections to other gateways (``http_forwarder.HttpForwarder``)."""

    def send(self, relay: Relay) -> None:
        """Send it over any connection to its owner."""
        ...

    def encode(self, relay: Relay) -> bytes:
        """The request as it goes over the wire."""
        ...

    def opened(self, connection: "RelayConnection") -> None:
        """A connection was made."""
        ...

    def give_back(self, connection: "RelayConnection") -> None:
        """A connection can take another request."""
        ...

    def forget(self, connection: "RelayConnection") -> None:
        """A connection is gone."""
        ...


@dataclass(frozen=True, slots=True)
class _Reply:
    """One reply, interim or final, as the parser found it."""

    status: int
    outcome: str
    body: bytes
    keep_alive: bool


class RelayConnection(asyncio.Protocol):
    """A connection to another gateway's internal listener."""

    def __init__(self, keeper: ConnectionKeeper, address: str) -> None:
        self.address = address
        self._keeper = keeper
        self._transport: asyncio.Transport | None = None
        self._relay: Relay | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._replies: list[_Reply] = []
        self._error: MalformedRelayError | None = None
        """Why a callback has ended the parser's work; its own error names it only at times."""
        self._clear()

    def _clear(self) -> None:
        self._outcome = ""
        self._is_stream = False
        self._body: list[bytes] = []
        self._body_bytes = 0

    def send(self, relay: Relay) -> None:
        """Send a request; nothing else is in flight."""
        self._relay = relay
        relay.connection = self
        if relay.invocation.answered:
            self.close()
        elif self._transport is not None:
            self._transport.write(self._keeper.encode(relay))

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)
        set_keepalive(transport.get_extra_info("socket"))
        self._keeper.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, with or without an outcome."""
        self._keeper.forget(self)
        relay, self._relay = self._relay, None
        if relay is not None:
            relay.fail(f"the connection was lost: {error}", unreachable=True)

    def data_received(self, data: bytes) -> None:
        """Part of a reply."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            broken, self._error = self._error, None
            self._give_up(broken or error)
            return
        replies, self._replies = self._replies, []
        for reply in replies:
            self._take(reply)

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header of the reply."""
        if name.lower() == OUTCOME_HEADER.encode():
            self._outcome = value.decode("latin-1")
            self._is_stream = is_stream(self._outcome)

    def on_body(self, body: bytes) -> None:
        """Part of a payload, which is capped, or of a stream, which goes to the caller as it is."""
        stream = self._relay.invocation.stream if self._relay is not None else None
        if stream is not None and self._is_stream:
            if not stream.relay(body) and self._transport is not None:
                stream.on_writable = self._read_on
                self._transport.pause_reading()
            return
        self._body_bytes += len(body)
        if self._body_bytes > RESPONSE_BYTES_MAX:
            self._error = MalformedRelayError("a reply over the limit")
            raise self._error
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A reply is whole, the interim or the final one; ``data_received`` acts upon it."""
        status = self._parser.get_status_code()
        keep_alive = self._parser.should_keep_alive()
        self._replies.append(_Reply(status, self._outcome, b"".join(self._body), keep_alive))
        self._clear()

    # what replies mean

    def _take(self, reply: _Reply) -> None:
        relay = self._relay
        if relay is None:
            self.close()
            return
        if reply.status == PROCESSING:
            relay.invocation.begin()
            return
        self._relay = None
        if reply.keep_alive and reply.status in (OK, UNREADABLE):
            self._keeper.give_back(self)
        else:
            self.close()
        if reply.status == OK:
            self._finish(relay, reply)
        elif reply.status == UNREADABLE and relay.version != POSITIONAL:
            relay.version = POSITIONAL
            self._keeper.send(relay)
        else:
            relay.fail(f"it answered {reply.status}", unreachable=False)

    def _finish(self, relay: Relay, reply: _Reply) -> None:
        stream = relay.invocation.stream
        if stream is not None and is_stream(reply.outcome):
            stream.end()
            relay.finish(Outcome(b"", streamed=True))
            return
        try:
            outcome: Outcome | ApiError | Dropped = decode_outcome(reply.outcome, reply.body)
        except MalformedRelayError as error:
            self._complain(relay, error)
            outcome = Dropped()
        relay.finish(outcome)

    def _give_up(self, error: BaseException) -> None:
        """What came is not a reply, or one that cannot be passed on; the event may have run."""
        relay, self._relay = self._relay, None
        self.close()
        if relay is not None:
            self._complain(relay, error)
            relay.finish(Dropped())

    def _complain(self, relay: Relay, error: BaseException) -> None:
        logger.error(
            "request %s: %s gave a reply that cannot be used: %r",
            relay.invocation.request_id,
            relay.owner.name,
            error,
        )

    def _read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
