"""Relaying invocations to the gateway that owns their function: raw HTTP over kept connections.

Contract: ``core.relay``. One request in flight per connection; connections are kept while they are
of use. A failure is told to whoever asked, who knows by ``invocation.begun`` whether the event may
be sent again. When the caller has gone the connection is closed, and the owner understands.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

from kubelambda.core.errors import ApiError
from kubelambda.core.invocation import RESPONSE_BYTES_MAX, Outcome
from kubelambda.core.keys import SIGNATURE_HEADER
from kubelambda.core.membership import Member
from kubelambda.core.relay import (
    META_HEADER,
    OUTCOME_HEADER,
    RELAY_PATH,
    STREAM_OUTCOME,
    MalformedRelayError,
    RelayRequest,
    decode_outcome,
    encode_request,
    sign_relay,
)
from kubelambda.gateway.invocation import Invocation

CONNECT_S = 2.0
IDLE_CONNECTIONS_MAX = 256
PROCESSING, OK = 102, 200


@dataclass(frozen=True, slots=True)
class RelayFailure:
    """Why ``owner`` gave no outcome. ``unreachable``: it may be dead."""

    owner: Member
    reason: str
    unreachable: bool


OnFailure = Callable[[RelayFailure], None]


class Forwarder:
    """Keeps connections to other gateways."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._idle: dict[str, list[RelayConnection]] = {}
        self._open: set[RelayConnection] = set()
        self._dialling: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def forward(
        self, invocation: Invocation, owner: Member, epoch: int, on_failure: OnFailure
    ) -> None:
        """Send it to ``owner``; the outcome goes to the invocation, a failure to ``on_failure``."""
        relay = Relay(invocation, owner, self._encode(invocation, epoch), on_failure)
        invocation.on_abandoned = relay.abandon
        idle = self._idle.get(owner.address)
        if idle:
            idle.pop().send(relay)
            return
        task = self._loop.create_task(self._dial(relay))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

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

    def _encode(self, invocation: Invocation, epoch: int) -> bytes:
        ref = invocation.function.ref
        meta = encode_request(
            RelayRequest(
                request_id=invocation.request_id,
                namespace=ref.namespace,
                function_name=invocation.function.function_name,
                qualifier=invocation.qualifier,
                trace_id=invocation.trace_id,
                client_context=invocation.client_context,
                wants_tail=invocation.wants_tail,
                may_repeat=invocation.may_repeat,
                stream=invocation.stream is not None,
                epoch=epoch,
                hops=invocation.hops + 1,
            )
        )
        body = invocation.payload
        signature = sign_relay(self._key, meta, body, int(time.time()))
        head = (
            f"POST {RELAY_PATH} HTTP/1.1\r\nHost: gateway\r\n{META_HEADER}: {meta}\r\n"
            f"{SIGNATURE_HEADER}: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

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
    request: bytes
    on_failure: OnFailure
    connection: "RelayConnection | None" = None

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


class RelayConnection(asyncio.Protocol):
    """A connection to another gateway's internal listener."""

    def __init__(self, forwarder: Forwarder, address: str) -> None:
        self.address = address
        self._forwarder = forwarder
        self._transport: asyncio.Transport | None = None
        self._relay: Relay | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._clear()

    def _clear(self) -> None:
        self._outcome = ""
        self._body: list[bytes] = []
        self._body_bytes = 0

    def send(self, relay: Relay) -> None:
        """Send a request; nothing else is in flight."""
        self._relay = relay
        relay.connection = self
        if relay.invocation.answered:
            self.close()
        elif self._transport is not None:
            self._transport.write(relay.request)

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)
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
        except (httptools.HttpParserError, MalformedRelayError):
            self.close()

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header of the reply."""
        if name.lower() == OUTCOME_HEADER.encode():
            self._outcome = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Part of the payload, capped; or of a stream, for the caller as it is."""
        stream = self._relay.invocation.stream if self._relay is not None else None
        if stream is not None and self._outcome == STREAM_OUTCOME:
            if not stream.relay(body) and self._transport is not None:
                stream.on_writable = self._read_on
                self._transport.pause_reading()
            return
        self._body_bytes += len(body)
        if self._body_bytes > RESPONSE_BYTES_MAX:
            raise MalformedRelayError("a reply over the limit")
        self._body.append(body)

    def _read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def on_message_complete(self) -> None:
        """A whole reply, or the interim one that says that the event was handed over."""
        relay, status = self._relay, self._parser.get_status_code()
        if relay is None:
            self.close()
            return
        if status == PROCESSING:
            relay.invocation.begin()
            return
        self._relay = None
        outcome, body = self._outcome, b"".join(self._body)
        keeps = status == OK and self._parser.should_keep_alive()
        self._clear()
        if keeps:
            self._forwarder.give_back(self)
        else:
            self.close()
        if status == OK:
            self._finish(relay, _read_outcome(relay, outcome, body))
        else:
            relay.fail(f"it answered {status}", unreachable=False)

    def _finish(self, relay: Relay, outcome: Outcome | ApiError) -> None:
        relay.invocation.on_abandoned = None
        relay.invocation.finish(outcome)
        relay.invocation.release()


def _read_outcome(relay: Relay, header: str, body: bytes) -> Outcome | ApiError:
    stream = relay.invocation.stream
    if stream is not None and header == STREAM_OUTCOME:
        stream.end()
        return Outcome(b"", streamed=True)
    return decode_outcome(header, body)
