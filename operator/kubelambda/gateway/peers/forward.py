"""Relaying invocations to the gateway that owns their function: raw HTTP over kept connections.

Contract: ``core.wire.relay``. One request in flight per connection; connections are kept while they
are of use. A failure is told to whoever asked, who knows by ``invocation.begun`` whether the event
may be sent again; a reply that cannot be understood closes the caller's connection, since the event
may have run. When the caller has gone the connection is closed, and the owner understands.

An owner that is gone is noticed by its heartbeats (``drop``), a lost node by the kernel. One
of the release before reads events in version 0 only; it gets each so after it has answered 400.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

from kubelambda.core.coordination.membership import Member
from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import RESPONSE_BYTES_MAX, Dropped, Outcome
from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.core.wire.relay import (
    META_HEADER,
    OUTCOME_HEADER,
    POSITIONAL,
    RELAY_PATH,
    VERSION,
    MalformedRelayError,
    RelayRequest,
    decode_outcome,
    encode_request,
    is_stream,
    sign_relay,
)
from kubelambda.gateway.invocation import Invocation
from kubelambda.process.keepalive import set_keepalive
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

CONNECT_S = 2.0
IDLE_CONNECTIONS_MAX = 256
PROCESSING, OK, UNREADABLE = 102, 200, 400


@dataclass(frozen=True, slots=True)
class RelayFailure:
    """Why ``owner`` gave no outcome. ``unreachable``: it may be dead."""

    owner: Member
    reason: str
    unreachable: bool


OnFailure = Callable[[RelayFailure], None]


class Forwarder:
    """Keeps connections to other gateways."""

    def __init__(self, key: bytes, supervisor: Supervisor) -> None:
        self._key = key
        self._supervisor = supervisor
        self._idle: dict[str, list[RelayConnection]] = {}
        self._open: set[RelayConnection] = set()
        self._loop = asyncio.get_running_loop()

    def forward(
        self, invocation: Invocation, owner: Member, epoch: int, on_failure: OnFailure
    ) -> None:
        """Send it to ``owner``; the outcome goes to the invocation, a failure to ``on_failure``."""
        meta = self._describe(invocation, epoch)
        relay = Relay(invocation, owner, meta, on_failure)
        invocation.on_abandoned = relay.abandon
        self.send(relay)

    def send(self, relay: "Relay") -> None:
        """Send it over a connection that is kept, or over a new one."""
        idle = self._idle.get(relay.owner.address)
        if idle:
            idle.pop().send(relay)
            return
        name = f"dialling {relay.owner.name} for request {relay.invocation.request_id}"
        self._supervisor.spawn(
            name, self._dial(relay), lambda error: relay.fail(repr(error), unreachable=False)
        )

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call back, unless the process ends before."""
        self._loop.call_later(delay_s, call)

    def drop(self, address: str) -> None:
        """The gateway at ``address`` is dead: whoever waits for it is told so."""
        for connection in [one for one in self._open if one.address == address]:
            connection.close()

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._open):
            connection.close()

    async def _dial(self, relay: "Relay") -> None:
        host, _, port = relay.owner.address.rpartition(":")
        try:
            async with asyncio.timeout(CONNECT_S):
                _, connection = await self._loop.create_connection(
                    lambda: RelayConnection(self, relay.owner.address), host, int(port)
                )
        except (OSError, TimeoutError, ValueError) as error:
            relay.fail(f"cannot connect: {error}", unreachable=True)
            return
        connection.send(relay)

    def encode(self, relay: "Relay") -> bytes:
        """The request as it goes over the wire, in the version that its owner reads."""
        body = relay.invocation.payload
        meta = encode_request(relay.meta, relay.version)
        signature = sign_relay(self._key, meta, body, int(time.time()))
        head = (
            f"POST {RELAY_PATH} HTTP/1.1\r\nHost: gateway\r\n{META_HEADER}: {meta}\r\n"
            f"{SIGNATURE_HEADER}: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _describe(self, invocation: Invocation, epoch: int) -> RelayRequest:
        return RelayRequest(
            request_id=invocation.request_id,
            namespace=invocation.function.ref.namespace,
            function_name=invocation.function.function_name,
            function_uid=invocation.function.uid,
            qualifier=invocation.qualifier,
            trace_id=invocation.trace_id,
            client_context=invocation.client_context,
            wants_tail=invocation.wants_tail,
            may_repeat=invocation.may_repeat,
            stream=invocation.stream is not None,
            epoch=epoch,
            hops=invocation.hops + 1,
        )

    def opened(self, connection: "RelayConnection") -> None:
        """A connection was made."""
        self._open.add(connection)

    def give_back(self, connection: "RelayConnection") -> None:
        """A connection can take another request."""
        idle = self._idle.setdefault(connection.address, [])
        if len(idle) < IDLE_CONNECTIONS_MAX:
            idle.append(connection)
        else:
            connection.close()

    def forget(self, connection: "RelayConnection") -> None:
        """A connection is gone."""
        self._open.discard(connection)
        idle = self._idle.get(connection.address, [])
        if connection in idle:
            idle.remove(connection)
        if not idle:
            self._idle.pop(connection.address, None)


@dataclass(slots=True, eq=False)
class Relay:
    """One invocation on its way to its owner."""

    invocation: Invocation
    owner: Member
    meta: RelayRequest
    on_failure: OnFailure
    version: int = VERSION
    connection: "RelayConnection | None" = None

    def finish(self, outcome: Outcome | ApiError | Dropped) -> None:
        """The owner has spoken, or nobody can know what became of the event (Dropped)."""
        self.invocation.on_abandoned = None
        self.invocation.finish(outcome)
        self.invocation.release()

    def fail(self, reason: str, *, unreachable: bool) -> None:
        """There will be no outcome from this owner."""
        if not self.invocation.answered:
            self.invocation.on_abandoned = None
            self.on_failure(RelayFailure(self.owner, reason, unreachable))

    def abandon(self) -> None:
        """The caller has gone: so does the relay."""
        self.invocation.answered = True
        if self.connection is not None:
            self.connection.close()


@dataclass(frozen=True, slots=True)
class _Reply:
    """One reply, interim or final, as the parser found it."""

    status: int
    outcome: str
    body: bytes
    keep_alive: bool


class RelayConnection(asyncio.Protocol):
    """A connection to another gateway's internal listener."""

    def __init__(self, forwarder: Forwarder, address: str) -> None:
        self.address = address
        self._forwarder = forwarder
        self._transport: asyncio.Transport | None = None
        self._relay: Relay | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._replies: list[_Reply] = []
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
            self._transport.write(self._forwarder.encode(relay))

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)
        set_keepalive(transport.get_extra_info("socket"))
        self._forwarder.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, with or without an outcome."""
        self._forwarder.forget(self)
        relay, self._relay = self._relay, None
        if relay is not None:
            relay.fail(f"the connection was lost: {error}", unreachable=True)

    def data_received(self, data: bytes) -> None:
        """Part of a reply."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._give_up(error.__context__ or error)
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
        """Part of the payload, capped; or of a stream, for the caller as it is."""
        stream = self._relay.invocation.stream if self._relay is not None else None
        if stream is not None and self._is_stream:
            if not stream.relay(body) and self._transport is not None:
                stream.on_writable = self._read_on
                self._transport.pause_reading()
            return
        self._body_bytes += len(body)
        if self._body_bytes > RESPONSE_BYTES_MAX:
            raise MalformedRelayError("a reply over the limit")
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A whole reply, or the interim one; acted upon outside of the parser's callbacks."""
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
            self._forwarder.give_back(self)
        else:
            self.close()
        if reply.status == OK:
            self._finish(relay, reply)
        elif reply.status == UNREADABLE and relay.version != POSITIONAL:
            relay.version = POSITIONAL
            self._forwarder.send(relay)
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
        """What came is no reply, or one that cannot be passed on: the event may have run."""
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
