"""The end of a trunk that was dialled: it takes another gateway's events (``served_stream``).

Contract: docs/forwarding.md. Nothing is taken before the other gateway has proved itself. When the
connection ends, the callers of all its events count as gone. The bytes of payloads are charged to a
budget until their events are answered; an event for which there is no room is refused. Answers that
have to wait are charged to another one; where that is full and the other gateway has taken nothing
for UNTAKEN_S, an answer is lost.
"""

import asyncio
import logging
import secrets
from typing import Final, Protocol

from kubelambda.core.capacity.client_limits import SMALL_BODY_BYTES
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire import trunk_opening
from kubelambda.core.wire.relay import MalformedRelayError, RelayRequest
from kubelambda.core.wire.trunk_flow import Outgoing
from kubelambda.core.wire.trunk_frames import TrunkProtocolError
from kubelambda.core.wire.trunk_messages import decode_event_head
from kubelambda.gateway.peers.served_stream import ServedStream
from kubelambda.gateway.peers.trunk import PING_S, STALL_S, TrunkEnd

logger = logging.getLogger(__name__)

STREAMS_MAX: Final = 10_000
"""Events of one gateway that are in flight here; one more is refused."""
UNTAKEN_S: Final = 1.0
MALFORMED: Final = 400
TOO_SLOW: Final = 408
NO_ROOM: Final = 503


class Budget(Protocol):
    """What the payloads of all events, or all answers, may hold (``gateway.http.body_budget``)."""

    def hold(self, address: str, count: int, *, is_small: bool = False) -> bool:
        """Charge ``count`` bytes to ``address``; False if there is no room for them."""
        ...

    def let_go(self, address: str, count: int) -> None:
        """Give ``count`` bytes of ``address`` back."""
        ...


class TrunkKeeper(Protocol):
    """What the trunks of a gateway have in common (``trunk_listener.TrunkListener``)."""

    @property
    def address(self) -> str:
        """By which other gateways dial this one."""
        ...

    @property
    def budget(self) -> Budget:
        """For the payloads of their events."""
        ...

    @property
    def answers(self) -> Budget:
        """For the answers that wait until other gateways take them."""
        ...

    def prove(self, text: str, key_id: str) -> str | None:
        """A proof of this gateway with the key of ``key_id``; None if that opens no trunk."""
        ...

    def is_proof(self, proof: str, text: str, key_id: str) -> bool:
        """Whether another gateway has made ``proof`` with that key."""
        ...

    def serve(self, request: RelayRequest, payload: bytes, stream: ServedStream) -> None:
        """Run an event."""
        ...

    def proved(self, trunk: "TrunkServer") -> None:
        """The other gateway has proved itself."""
        ...

    def ended(self, trunk: "TrunkServer") -> None:
        """The connection is gone, or is not a trunk."""
        ...

    def emptied(self) -> None:
        """A trunk has no event in flight any more."""
        ...

    def serve_http(self, transport: asyncio.Transport, received: bytes) -> None:
        """A connection that began with ``received`` is not a trunk."""
        ...


class TrunkServer(TrunkEnd):
    """From the gateway at the address ``peer``, which has no port."""

    def __init__(
        self, keeper: TrunkKeeper, peer: str, ping_s: float = PING_S, stall_s: float = STALL_S
    ) -> None:
        super().__init__(ping_s, stall_s)
        self._keeper = keeper
        self.peer = peer
        self._opening = b""
        self._covered = ""
        """What the other gateway's proof has to cover."""
        self._key_id = ""
        """The id of the key that it proves to have."""
        self.is_proved = False
        self._last_stream = 0
        self._kept = 0
        """Bytes of the answers that wait."""
        self._waits_since = 0.0
        self._streams: dict[int, ServedStream] = {}

    def describe(self) -> str:
        """The other gateway, for a log."""
        return self.peer

    @property
    def is_idle(self) -> bool:
        """Whether no event is in flight and no answer is on its way."""
        return not self._streams

    # opening

    def receive(self, data: bytes) -> None:
        """Bytes of the other gateway: its opening, then frames."""
        if self._covered:
            super().receive(data)
            return
        self._opening += data
        is_opening = trunk_opening.is_opening(self._opening)
        if is_opening is None or self._transport is None or self._transport.is_closing():
            return
        if not is_opening:
            self._keeper.ended(self)
            self._keeper.serve_http(self._transport, self._opening)
            return
        try:
            split = trunk_opening.split_head(self._opening)
        except trunk_opening.MalformedOpeningError:
            self._refuse("431 Request Header Fields Too Large")
            return
        if split is not None:
            head, rest = split
            self._opening = b""
            if self._answer_opening(head) and rest:
                super().receive(rest)

    def _answer_opening(self, head: bytes) -> bool:
        keeper = self._keeper
        try:
            address, dialled, offered, key_id = trunk_opening.decode_opening(head)
        except trunk_opening.MalformedOpeningError:
            self._refuse("400 Bad Request")
            return False
        protocol = trunk_opening.choose_protocol(offered)
        if protocol is None:
            self._refuse("426 Upgrade Required")
            return False
        if address != keeper.address:
            self._refuse("421 Misdirected Request")
            return False
        accepted = secrets.token_hex(trunk_opening.NONCE_CHARS // 2)
        opening = trunk_opening.Opening(
            address, protocol, offered, dialled=dialled, accepted=accepted
        )
        proof = keeper.prove(opening.cover_accepting(), key_id)
        if proof is None:
            self._refuse("401 Unauthorized")
            return False
        self._covered, self._key_id = opening.cover_dialling(), key_id
        self.write(trunk_opening.encode_acceptance(protocol, accepted, proof))
        self.flush()
        return True

    def _refuse(self, status: str) -> None:
        self.write(trunk_opening.encode_refusal(status))
        self.close()

    def go_away(self) -> None:
        """No new events, please."""
        self.write(frames.encode_frame(frames.GOAWAY, 0))

    def lost(self, error: Exception | None) -> None:
        """The connection is gone: whoever waited has gone."""
        super().lost(error)
        for stream in list(self._streams.values()):
            self._leave(stream)
        self._keeper.ended(self)

    # events

    def take(self, frame_type: int, number: int, payload: bytes) -> None:
        """One frame of the other gateway's about an event."""
        if not self.is_proved:
            raise TrunkProtocolError("it has not proved to be a gateway")
        if frame_type == frames.EVENT:
            self._take_event(number, payload)
            return
        stream = self._streams.get(number)
        if stream is None:
            return  # answered, or cancelled before it was sent
        if frame_type == frames.DATA:
            self._take_data(stream, payload)
        elif frame_type == frames.CREDIT:
            self.sender.add_stream_credit(stream, frames.decode_credit(payload))
        elif frame_type == frames.CANCEL:
            self._leave(stream)
        else:
            raise TrunkProtocolError(f"frame 0x{frame_type:02x} has no place in an event")

    def take_proof(self, payload: bytes) -> None:
        """Take events from here on; TrunkProtocolError if the proof is wrong or a second one."""
        proof = payload.decode("ascii", "replace")
        if self.is_proved or not self._keeper.is_proof(proof, self._covered, self._key_id):
            raise TrunkProtocolError("it has not proved to be a gateway")
        self.is_proved = True
        self.open()
        self._keeper.proved(self)

    def _take_event(self, number: int, payload: bytes) -> None:
        if number <= self._last_stream:
            raise TrunkProtocolError(f"stream {number} is not new")
        self._last_stream = number
        try:
            request, start, count = decode_event_head(payload)
        except MalformedRelayError:
            self.write(frames.encode_refusal(number, MALFORMED))
            return
        if len(self._streams) >= STREAMS_MAX:
            self.write(frames.encode_refusal(number, NO_ROOM))
            return
        stream = ServedStream(self, number, request)
        self._streams[number] = stream
        stream.missing = count
        body = payload[start:]
        if len(body) != count:
            self._add_piece(stream, body)
        elif not count or self._hold(stream, count):
            stream.missing = 0
            self._keeper.serve(request, body, stream)

    def _take_data(self, stream: ServedStream, payload: bytes) -> None:
        if not stream.missing:
            raise TrunkProtocolError("part of a payload that was whole")
        self._add_piece(stream, payload)
        if not stream.gone and stream.missing:
            credit = stream.incoming.take_credit()
            if credit:
                self.write(frames.encode_credit(stream.stream, credit))

    def _add_piece(self, stream: ServedStream, piece: bytes) -> None:
        count = len(piece)
        if count > stream.missing or not stream.incoming.receive(count):
            raise TrunkProtocolError("more of a payload than was announced or allowed")
        stream.missing -= count
        stream.moved += 1
        if count and not self._hold(stream, count):
            return
        stream.pieces.append(piece)
        if not stream.missing:
            body, stream.pieces = b"".join(stream.pieces), []
            self._keeper.serve(stream.request, body, stream)

    def _hold(self, stream: ServedStream, count: int) -> bool:
        is_small = stream.held + count + stream.missing <= SMALL_BODY_BYTES
        if self._keeper.budget.hold(self.peer, count, is_small=is_small):
            stream.held += count
            return True
        stream.break_off(frames.encode_refusal(stream.stream, NO_ROOM))
        return False

    def list_held_up(self) -> list[Outgoing]:
        """Those whose event is still arriving, or whose answer waits for credit."""
        return [one for one in self._streams.values() if one.missing or one.is_waiting]

    def give_up(self, stream: Outgoing) -> None:
        """Refuse an event that does not arrive; let go of an answer that nobody takes."""
        served = self._streams.get(stream.stream)
        if served is None:
            return
        if served.missing:
            served.break_off(frames.encode_refusal(served.stream, TOO_SLOW))
        else:
            self.write(frames.encode_frame(frames.LOST, served.stream))
            self._leave(served)

    # for its streams

    def keep(self, stream: ServedStream, count: int) -> bool:
        """Charge an answer of ``count`` bytes that waits; False where it is to be let go."""
        now = self._loop.time()
        if not self._kept:
            self._waits_since = now
        if self._keeper.answers.hold(self.peer, count):
            stream.kept = count
            self._kept += count
            return True
        return now - max(self.credited_at, self._waits_since) <= UNTAKEN_S

    def discard(self, stream: ServedStream) -> None:
        """Nothing more is sent or received on it; a second call changes nothing."""
        stream.forget()
        self.release(stream)
        kept, stream.kept = stream.kept, 0
        if kept:
            self._kept -= kept
            self._keeper.answers.let_go(self.peer, kept)
        if self._streams.pop(stream.stream, None) is not None and not self._streams:
            self._keeper.emptied()

    def release(self, stream: ServedStream) -> None:
        """Its payload is not kept any more; a second call changes nothing."""
        held, stream.held = stream.held, 0
        stream.pieces = []
        if held:
            self._keeper.budget.let_go(self.peer, held)

    def _leave(self, stream: ServedStream) -> None:
        """The caller has gone."""
        stream.gone = True
        self.discard(stream)
        on_gone, stream.on_gone = stream.on_gone, None
        try:
            if on_gone is not None:
                on_gone()
        except Exception:
            logger.exception("request %s cannot be left", stream.request.request_id)
