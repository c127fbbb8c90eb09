"""One agent's connection: the upgrade, the agent's proof, then frames to and from its environment.

Contract: docs/link.md, sections 1 to 3 and 6. A peer that has not proved that it holds its
function's key costs at most 4 KiB, AUTHENTICATE_S and one connection of its address's share
(``links``). A peer that has proved itself is cut off when it does not read what it is sent, or is
silent. A connection that does not open with ``GET /link`` is handed to ``Links.serve_http``.
"""

import asyncio
import logging
import secrets
from typing import cast

from kubelambda.core.wire import frames
from kubelambda.core.wire.frames import FrameDecoder, FrameType, ProtocolError
from kubelambda.gateway.link.environment import Environment
from kubelambda.gateway.link.hello import VERSION, Hello, decode_hello
from kubelambda.gateway.link.hello_decision import (
    RETRY_MS,
    HelloDecision,
    Redirected,
    Refused,
    Retired,
    Welcomed,
)
from kubelambda.gateway.link.links import Links
from kubelambda.gateway.link.upgrade import (
    NOT_FOUND,
    SWITCHING_PROTOCOLS,
    Opening,
    classify_opening,
    skip_head,
)
from kubelambda.process.keepalive import set_keepalive

logger = logging.getLogger(__name__)

AUTHENTICATE_S = 5.0
"""How long a peer may take to prove itself."""
UNREAD_BYTES_MAX = 2 * frames.CONTROL_BYTES_MAX
"""More than an agent is owed at any time: its configuration, or an event's head and a window."""
_PING, _PONG = int(FrameType.PING), int(FrameType.PONG)


class LinkConnection:
    """One agent's connection.

    It has the methods of ``asyncio.Protocol`` but does not inherit from it: a compiled class cannot
    have a base that is not compiled.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._opening = bytearray()
        self._decoder: FrameDecoder | None = None
        self._nonce = secrets.token_hex(16)
        self._hello: Hello | None = None
        """What the agent has said of itself, once it has proved itself."""
        self._key = b""
        """The key that it has proved to hold."""
        self._environment: Environment | None = None
        self._retired = False
        """The agent was told to end: whatever it still sends is ignored."""
        self._is_unauthenticated = False
        """Whether it is counted in ``Links.unauthenticated_by_address``."""
        self._last_received = self._loop.time()
        self._last_sent = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._beat_at = 0.0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has dialled."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        set_keepalive(transport.get_extra_info("socket"))
        if not self._links.count_unauthenticated(self._address):
            self._transport.abort()
            return
        self._is_unauthenticated = True
        self._timer = self._loop.call_later(AUTHENTICATE_S, self._expire)

    def data_received(self, data: bytes) -> None:
        """Bytes of the upgrade, then frames."""
        self._last_received = self._loop.time()
        try:
            if self._decoder is None:
                data = self._open(data)
            if self._decoder is not None:
                for frame_type, payload in self._decoder.feed(data):
                    environment = self._environment
                    if environment is None or frame_type in (_PING, _PONG):
                        self._receive(frame_type, payload)
                    else:
                        environment.receive(frame_type, payload)
        except ProtocolError as error:
            logger.warning("link from %s ended: %s", self._describe(), error)
            self._abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The link has ended; whoever waits on it is told."""
        self._discount()
        if self._timer is not None:
            self._timer.cancel()
        if self._hello is not None:
            self._links.discard(self, self._hello.identity.uid)
            self._links.decider.forget(self._hello)
        environment, self._environment = self._environment, None
        if environment is not None:
            environment.lost()
            self._links.detach(environment)

    def eof_received(self) -> None:
        """The agent has ended its side: a link is never half-closed, so the transport closes."""

    def pause_writing(self) -> None:
        """Nothing is queued here: ``send`` cuts off a peer that does not read."""

    def resume_writing(self) -> None:
        """Nothing was queued."""

    def send(self, data: bytes) -> None:
        """Write frames; dropped if the link has ended."""
        if self._transport is not None and not self._transport.is_closing():
            self._last_sent = self._loop.time()
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
                logger.warning("link from %s ended: it does not read", self._describe())
                self._abort()

    def close(self) -> None:
        """End the link after what was written."""
        if self._transport is not None:
            self._transport.close()

    def _open(self, data: bytes) -> bytes:
        """Take bytes of the upgrade; the bytes that follow it."""
        self._opening += data
        received = bytes(self._opening)
        opening = classify_opening(received)
        if opening is Opening.HTTP:
            self._hand_over(received)
        elif opening is Opening.UNKNOWN_LINK:
            self.send(NOT_FOUND)
            self.close()
        elif opening is Opening.LINK:
            self._decoder = FrameDecoder()
            self.send(SWITCHING_PROTOCOLS)
            challenge = {"version": VERSION, "nonce": self._nonce}
            self.send(frames.encode_control(FrameType.CHALLENGE, challenge))
            return skip_head(received)
        return b""

    def _hand_over(self, received: bytes) -> None:
        if self._transport is not None:
            self._discount()
            if self._timer is not None:
                self._timer.cancel()
            self._links.serve_http(self._transport, received)

    def _receive(self, frame_type: int, payload: bytes) -> None:
        """Take a ping, a pong, or a frame that comes before the welcome."""
        if frame_type == _PING:
            self.send(frames.encode_frame(FrameType.PONG))
        elif frame_type == _PONG or self._retired:
            return
        elif frame_type == FrameType.HELLO and self._hello is None:
            self._receive_hello(decode_hello(frames.decode_agent_control(frame_type, payload)))
        else:
            raise ProtocolError(f"frame 0x{frame_type:02x} has no place before welcome")

    def _receive_hello(self, hello: Hello) -> None:
        identity = hello.identity
        key = self._links.derive_key(identity.uid, hello.key_generation)
        if not key:
            raise ProtocolError("the proof is wrong: there is no key of this generation")
        proof = frames.agent_proof(key, self._nonce, hello.nonce, identity.uid, identity.pod)
        if not secrets.compare_digest(proof.encode(), hello.proof.encode()):
            raise ProtocolError("the proof is wrong")
        self._key = key
        self._hello = hello
        self._discount()
        if self._decoder is not None:
            self._decoder.authenticated = True
        if self._timer is not None:
            self._timer.cancel()
        if not self._links.add(self, identity.uid):
            self._refuse(Refused("the function has too many environments linked", RETRY_MS))
            return
        self._wait_for_beat(self._links.ping_s)
        self._links.decider.decide(hello, self._answer)

    def _answer(self, decision: HelloDecision) -> None:
        hello = self._hello
        if hello is None or self._transport is None or self._transport.is_closing():
            return
        if isinstance(decision, Refused):
            self._refuse(decision)
            return
        if isinstance(decision, Retired):
            self._retire(hello)
            return
        epoch = self._links.read_epoch()
        fields = {
            "proof": self._prove(hello),
            "epoch": epoch,
            "epochProof": self._links.prove_epoch(epoch),
        }
        if isinstance(decision, Redirected):
            fields["address"] = decision.address
            self.send(frames.encode_control(FrameType.REDIRECT, fields))
            self.close()
            return
        self.send(frames.encode_control(FrameType.WELCOME, fields))
        self._begin(hello, decision)

    def _refuse(self, refusal: Refused) -> None:
        fields = {"reason": refusal.reason, "retryAfterMs": refusal.retry_after_ms}
        self.send(frames.encode_control(FrameType.REFUSE, fields))
        self.close()

    def _retire(self, hello: Hello) -> None:
        """Welcome the agent with its own epoch, the only one it obeys, and drain it."""
        self._retired = True
        fields = {"proof": self._prove(hello), "epoch": hello.epoch}
        self.send(frames.encode_control(FrameType.WELCOME, fields))
        self.send(frames.encode_control(FrameType.DRAIN, {}))

    def _prove(self, hello: Hello) -> str:
        identity = hello.identity
        return frames.gateway_proof(self._key, self._nonce, hello.nonce, identity.uid, identity.pod)

    def _begin(self, hello: Hello, decision: Welcomed) -> None:
        identity = hello.identity
        links = self._links
        environment = Environment(identity, links.listener, self.send, self.close, links.deadlines)
        self._environment = environment
        self._links.attach(environment)
        if decision.configure is not None:
            environment.configure(decision.configure)
        else:
            environment.adopt(hello.state, hello.request_id)

    def _wait_for_beat(self, delay_s: float) -> None:
        self._beat_at = self._loop.time() + delay_s
        self._timer = self._loop.call_at(self._beat_at, self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        ping_s, dead_s = self._links.ping_s, self._links.dead_s
        if now > self._beat_at + ping_s:
            # This process stood still: what the agent has sent is not read yet.
            self._last_received = max(self._last_received, now - dead_s + ping_s)
        if now - self._last_received > dead_s:
            logger.warning("link from %s ended: silent for %.0f s", self._describe(), dead_s)
            self._abort()
            return
        if now - self._last_sent >= ping_s:
            self.send(frames.encode_frame(FrameType.PING))
        self._wait_for_beat(ping_s / 2)

    def _expire(self) -> None:
        if self._hello is None:
            self._abort()

    def _discount(self) -> None:
        if self._is_unauthenticated:
            self._is_unauthenticated = False
            self._links.discount_unauthenticated(self._address)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _describe(self) -> str:
        if self._hello is None:
            return self._address
        return f"{self._hello.identity.ref} pod {self._hello.identity.pod}"
