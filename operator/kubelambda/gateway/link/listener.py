"""The internal listener: agents dial in, prove themselves, and become environments.

Contract: sections 1 to 3 and 6 of docs/link.md. Before a peer has proved that it holds its
function's key it may cost 4 KiB, 5 seconds and one connection of its address's share. What is not
the link's upgrade is handed to ``LinkContext.serve_http``.

A peer that has proved itself is hostile all the same: the links of one function are counted, since
each takes a descriptor and a place in the report to the controller, and one that does not read what
it is sent is cut off.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from kubelambda.core.wire import frames
from kubelambda.core.wire.frames import FrameDecoder, FrameType, ProtocolError
from kubelambda.gateway.link.environment import Environment, EnvironmentListener
from kubelambda.gateway.link.hello import VERSION, Hello, decode_hello
from kubelambda.gateway.link.hello_decision import (
    HelloDecision,
    Redirected,
    Refused,
    Retired,
    Welcomed,
)
from kubelambda.process.keepalive import set_keepalive

logger = logging.getLogger(__name__)

UPGRADE_BYTES_MAX = 4_096
AUTHENTICATE_S = 5.0
LINKS_PER_FUNCTION_MAX = 1_500
"""Beyond the thousand environments of an account's limit, and some that are being replaced."""
RETRY_MS = 2_000
UNREAD_BYTES_MAX = 2 * frames.CONTROL_BYTES_MAX
"""More than an agent is owed at any time: its configuration, or an event's head and a window."""
PING_S = 5.0
DEAD_S = 20.0
UNAUTHENTICATED_PER_ADDRESS_MAX = 64
_SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: kubelambda-link/1\r\n\r\n"
)
_PREFIX = b"GET /link"
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class LinkContext:
    """What all links of a gateway share."""

    derive_key: Callable[[str, int], bytes | None]
    """The key for a function's uid and a key generation; None for an unknown generation."""
    decide: Callable[[Hello, Callable[[HelloDecision], None]], None]
    """Decides on an agent that has proved itself, at once or within a few seconds."""
    attach: Callable[[Environment], None]
    detach: Callable[[Environment], None]
    listener: EnvironmentListener
    read_epoch: Callable[[], int]
    """The epoch of this gateway's view."""
    prove_epoch: Callable[[int], str]
    """This gateway's word for an epoch; agents keep it and bring it along (frames.prove_epoch)."""
    serve_http: Callable[[asyncio.Transport, bytes], None]
    """Takes over a connection on which something other than the link's upgrade has come."""
    ping_s: float = PING_S
    dead_s: float = DEAD_S
    links: set["LinkConnection"] = field(default_factory=set)
    unauthenticated: dict[str, int] = field(default_factory=dict)
    links_per_function_max: int = LINKS_PER_FUNCTION_MAX
    links_by_uid: Counter[str] = field(default_factory=Counter)

    def add(self, link: "LinkConnection", uid: str) -> bool:
        """Count a link of the function ``uid`` in; False where it has too many."""
        if self.links_by_uid[uid] >= self.links_per_function_max:
            return False
        self.links_by_uid[uid] += 1
        self.links.add(link)
        return True

    def discard(self, link: "LinkConnection", uid: str) -> None:
        """Count it out, if it was counted in."""
        if link in self.links:
            self.links.discard(link)
            self.links_by_uid[uid] -= 1
            if not self.links_by_uid[uid]:
                del self.links_by_uid[uid]


class LinkConnection(asyncio.Protocol):
    """One agent's connection."""

    def __init__(self, context: LinkContext) -> None:
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._head = bytearray()
        self._decoder: FrameDecoder | None = None
        self._nonce = secrets.token_hex(16)
        self._hello: Hello | None = None
        self._environment: Environment | None = None
        self._retired = False
        self._counted = False
        self._last_received = self._loop.time()
        self._last_sent = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Someone dialled."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        set_keepalive(transport.get_extra_info("socket"))
        pending = self._context.unauthenticated
        if pending.get(self._address, 0) >= UNAUTHENTICATED_PER_ADDRESS_MAX:
            self._transport.abort()
            return
        pending[self._address] = pending.get(self._address, 0) + 1
        self._counted = True
        self._timer = self._loop.call_later(AUTHENTICATE_S, self._expire)

    def data_received(self, data: bytes) -> None:
        """Bytes of the upgrade, then frames."""
        self._last_received = self._loop.time()
        try:
            if self._decoder is None:
                data = self._receive_head(data)
            if self._decoder is not None:
                for frame_type, payload in self._decoder.feed(data):
                    self._receive(frame_type, payload)
        except ProtocolError as error:
            logger.warning("link from %s ended: %s", self._describe(), error)
            self._abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The link is gone."""
        self._uncount()
        if self._timer is not None:
            self._timer.cancel()
        if self._hello is not None:
            self._context.discard(self, self._hello.identity.uid)
        environment, self._environment = self._environment, None
        if environment is not None:
            environment.lost()
            self._context.detach(environment)

    def send(self, data: bytes) -> None:
        """Write frames; dropped where the link is gone already."""
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

    def _receive_head(self, data: bytes) -> bytes:
        self._head += data
        if not self._head.startswith(_PREFIX[: len(self._head)]):
            self._hand_over(bytes(self._head))
            return b""
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > UPGRADE_BYTES_MAX:
                raise ProtocolError("the upgrade request is too long")
            return b""
        head, rest = bytes(self._head[:end]).lower(), bytes(self._head[end + 4 :])
        lines = head.split(b"\r\n")
        if lines[0] != b"get /link/v1 http/1.1" or b"upgrade: kubelambda-link/1" not in lines:
            self.send(_NOT_FOUND)
            self.close()
            return b""
        self._decoder = FrameDecoder()
        self.send(_SWITCHING)
        challenge = {"version": VERSION, "nonce": self._nonce}
        self.send(frames.encode_control(FrameType.CHALLENGE, challenge))
        return rest

    def _hand_over(self, received: bytes) -> None:
        if self._transport is not None:
            self._uncount()
            if self._timer is not None:
                self._timer.cancel()
            self._context.serve_http(self._transport, received)

    def _receive(self, frame_type: int, payload: bytes) -> None:
        if self._environment is not None and frame_type not in _LIVENESS:
            self._environment.receive(frame_type, payload)
        elif self._retired and frame_type not in _LIVENESS:
            return
        elif frame_type == FrameType.PING:
            self.send(frames.encode_frame(FrameType.PONG))
        elif frame_type == FrameType.HELLO and self._hello is None:
            self._receive_hello(decode_hello(frames.decode_agent_control(frame_type, payload)))
        elif frame_type != FrameType.PONG:
            raise ProtocolError(f"frame 0x{frame_type:02x} has no place before welcome")

    def _receive_hello(self, hello: Hello) -> None:
        identity = hello.identity
        key = self._context.derive_key(identity.uid, hello.key_generation)
        proof = (
            frames.agent_proof(key, self._nonce, hello.nonce, identity.uid, identity.pod)
            if key
            else ""
        )
        if not secrets.compare_digest(proof.encode(), hello.proof.encode()):
            raise ProtocolError("the proof is wrong")
        self._hello = hello
        self._uncount()
        if self._decoder is not None:
            self._decoder.authenticated = True
        if self._timer is not None:
            self._timer.cancel()
        if not self._context.add(self, identity.uid):
            self._refuse(Refused("the function has too many environments linked", RETRY_MS))
            return
        self._timer = self._loop.call_later(self._context.ping_s, self._beat)
        self._context.decide(hello, self._answer)

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
        epoch = self._context.read_epoch()
        fields = {
            "proof": self._prove(hello),
            "epoch": epoch,
            "epochProof": self._context.prove_epoch(epoch),
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
        """Welcome it with its own epoch, so that it obeys, and let it end."""
        self._retired = True
        fields = {"proof": self._prove(hello), "epoch": hello.epoch}
        self.send(frames.encode_control(FrameType.WELCOME, fields))
        self.send(frames.encode_control(FrameType.DRAIN, {}))

    def _prove(self, hello: Hello) -> str:
        identity = hello.identity
        key = self._context.derive_key(identity.uid, hello.key_generation) or b""
        return frames.gateway_proof(key, self._nonce, hello.nonce, identity.uid, identity.pod)

    def _begin(self, hello: Hello, decision: Welcomed) -> None:
        identity = hello.identity
        environment = Environment(identity, self._context.listener, self.send, self.close)
        self._environment = environment
        self._context.attach(environment)
        if decision.configure is not None:
            environment.configure(decision.configure)
        else:
            environment.adopt(hello.state, hello.request_id)

    def _beat(self) -> None:
        now = self._loop.time()
        ping_s, dead_s = self._context.ping_s, self._context.dead_s
        if now - self._last_received > dead_s:
            logger.warning("link from %s ended: silent for %.0f s", self._describe(), dead_s)
            self._abort()
            return
        if now - self._last_sent >= ping_s:
            self.send(frames.encode_frame(FrameType.PING))
        self._timer = self._loop.call_later(ping_s / 2, self._beat)

    def _expire(self) -> None:
        if self._hello is None:
            self._abort()

    def _uncount(self) -> None:
        if self._counted:
            self._counted = False
            pending = self._context.unauthenticated
            pending[self._address] -= 1
            if not pending[self._address]:
                del pending[self._address]

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _describe(self) -> str:
        if self._hello is None:
            return self._address
        return f"{self._hello.identity.ref} pod {self._hello.identity.pod}"


_LIVENESS = frozenset({FrameType.PING, FrameType.PONG})
