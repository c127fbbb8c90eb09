"""The end of a trunk that has dialled: it sends events to their owner and takes their answers.

Contract: ``peers.relay`` and docs/forwarding.md. Each event has a stream. When the connection ends,
every event on it fails as one whose own connection was lost. An answer that cannot be used drops
its event, since that may have run; the others go on.
"""

import logging
import secrets
from collections.abc import Callable

from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire import trunk_opening
from kubelambda.core.wire.relay import MalformedRelayError
from kubelambda.core.wire.trunk_flow import Incoming, Outgoing
from kubelambda.core.wire.trunk_frames import STREAM_MAX, TrunkProtocolError
from kubelambda.core.wire.trunk_messages import (
    decode_outcome_head,
    encode_event_head,
    measure_outcome,
)
from kubelambda.gateway.peers.relay import Relay
from kubelambda.gateway.peers.trunk import PING_S, STALL_S, TrunkEnd
from kubelambda.process.signatures import Signatures

logger = logging.getLogger(__name__)


class AskedStream(Outgoing):
    """One event that was sent, and what has come of its answer; a driver of ``relay.Closable``."""

    __slots__ = (
        "answer_bytes",
        "answer_head",
        "incoming",
        "is_streamed",
        "pieces",
        "relay",
        "trunk",
    )

    def __init__(self, trunk: "TrunkClient", relay: Relay, stream: int) -> None:
        super().__init__(stream)
        self.trunk = trunk
        self.relay = relay
        self.incoming = Incoming()
        self.is_streamed = False
        self.answer_head = b""
        """Of an outcome whose payload is still coming."""
        self.answer_bytes = 0
        """So much of it is missing."""
        self.pieces: list[bytes] = []

    def close(self) -> None:
        """The caller has gone."""
        self.trunk.cancel(self)

    def return_credit(self) -> None:
        """The caller has taken what it was sent of an event stream."""
        self.trunk.return_credit(self)


class TrunkClient(TrunkEnd):
    """To the gateway at ``address``.

    ``on_settled`` is called once: with None when events can be sent, or with what was wrong:
    ``trunk_opening.NotSpokenError`` if no trunk is spoken there. ``on_ended`` is called once
    when no new events can be sent any more.
    """

    def __init__(
        self,
        address: str,
        signatures: Signatures,
        on_settled: Callable[[Exception | None], None],
        on_ended: Callable[["TrunkClient"], None],
        ping_s: float = PING_S,
        stall_s: float = STALL_S,
    ) -> None:
        super().__init__(ping_s, stall_s)
        self.address = address
        self._signatures = signatures
        self._on_settled: Callable[[Exception | None], None] | None = on_settled
        self._on_ended: Callable[[TrunkClient], None] | None = on_ended
        self._nonce = secrets.token_hex(trunk_opening.NONCE_CHARS // 2)
        self._opening = b""
        self._streams: dict[int, AskedStream] = {}
        self._last_stream = 0
        self._is_leaving = False

    def describe(self) -> str:
        """The other gateway, for a log."""
        return self.address

    # opening

    def start(self) -> None:
        """The connection stands: ask for the trunk."""
        self.write(trunk_opening.encode_opening(self.address, self._nonce, self._signatures.key_id))
        self.flush()

    def receive(self, data: bytes) -> None:
        """Bytes of the other end: the answer to the opening, then frames."""
        if self.is_open or self._on_settled is None:
            super().receive(data)
            return
        self._opening += data
        try:
            split = trunk_opening.split_head(self._opening)
            if split is None:
                return
            head, rest = split
            self._prove(head)
        except trunk_opening.NotSpokenError as error:
            self._settle(error)
            self.abort()
            return
        except trunk_opening.MalformedOpeningError as error:
            # Too long, or not as this release writes it: another kind of server.
            self._settle(trunk_opening.NotSpokenError(str(error)))
            self.abort()
            return
        self._opening = b""
        self.open()
        self._settle(None)
        if rest:
            super().receive(rest)

    def _prove(self, head: bytes) -> None:
        protocol, accepted, proof = trunk_opening.decode_acceptance(head)
        offered = ", ".join(trunk_opening.PROTOCOLS)
        opening = trunk_opening.Opening(
            self.address, protocol, offered, dialled=self._nonce, accepted=accepted
        )
        key_id = self._signatures.key_id
        own = self._signatures.prove(opening.cover_dialling(), key_id)
        if own is None or not self._signatures.is_proof(proof, opening.cover_accepting(), key_id):
            raise trunk_opening.NotSpokenError("its proof is wrong")
        self.write(frames.encode_frame(frames.PROOF, 0, own.encode()))

    def _settle(self, error: Exception | None) -> None:
        on_settled, self._on_settled = self._on_settled, None
        if on_settled is not None:
            on_settled(error)

    # events

    @property
    def takes_events(self) -> bool:
        """Whether an event may be sent."""
        return self.is_open and not self._is_leaving

    def send(self, relay: Relay) -> None:
        """Send an event, unless its caller has gone."""
        if relay.invocation.answered:
            return
        payload = relay.invocation.payload
        head = encode_event_head(relay.describe(), len(payload))
        self._last_stream += 1
        stream = AskedStream(self, relay, self._last_stream)
        self._streams[self._last_stream] = stream
        relay.connection = stream
        self.sender.send_message(stream, frames.EVENT, head, payload)
        if self._last_stream >= STREAM_MAX:
            self._leave()

    def cancel(self, stream: AskedStream) -> None:
        """The caller has gone, or the answer cannot be used."""
        if self._streams.pop(stream.stream, None) is not None:
            stream.forget()
            self.write(frames.encode_frame(frames.CANCEL, stream.stream))
            self._close_when_done()

    def return_credit(self, stream: AskedStream) -> None:
        """Let the owner send more of an event stream."""
        count = stream.incoming.take_credit()
        if count and stream.stream in self._streams:
            self.write(frames.encode_credit(stream.stream, count))

    def lost(self, error: Exception | None) -> None:
        """The connection is gone, and so are the outcomes that were still to come.

        Where the owner broke a rule an event that was sent may have begun: that was not read.
        """
        super().lost(error)
        self._settle(ConnectionResetError(f"the connection was lost: {error}"))
        self._leave()
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            may_have_begun = self.is_broken and not stream.is_waiting
            stream.forget()
            try:
                if may_have_begun:
                    stream.relay.finish(Dropped())
                else:
                    stream.relay.fail(f"the connection was lost: {error}", unreachable=True)
            except Exception:
                logger.exception("request %s cannot go on", stream.relay.invocation.request_id)

    # answers

    def take_goaway(self) -> None:
        """The owner is stopping: what runs goes on."""
        self._leave()
        self._close_when_done()

    def take(self, frame_type: int, number: int, payload: bytes) -> None:
        """One frame of the owner's about an event."""
        stream = self._streams.get(number)
        if stream is None:
            if number > self._last_stream:
                raise TrunkProtocolError(f"stream {number} was not opened")
            return  # its caller has gone
        try:
            self._take_answer(stream, frame_type, payload)
        except MalformedRelayError as error:
            self._give_up(stream, error)

    def _take_answer(self, stream: AskedStream, frame_type: int, payload: bytes) -> None:
        if frame_type == frames.BEGUN:
            stream.relay.invocation.begin()
        elif frame_type == frames.OUTCOME:
            self._take_outcome(stream, payload)
        elif frame_type == frames.DATA:
            self._take_data(stream, payload)
        elif frame_type == frames.CREDIT:
            self.sender.add_stream_credit(stream, frames.decode_credit(payload))
        elif frame_type == frames.STREAM:
            response = stream.relay.invocation.stream
            if response is None or stream.is_streamed or stream.answer_head:
                raise MalformedRelayError("an event stream that was not asked for")
            stream.is_streamed = True
            response.on_writable = stream.return_credit
        elif frame_type == frames.END:
            self._take_end(stream)
        elif frame_type == frames.REFUSED:
            self._fail(stream, f"it answered {frames.decode_refusal(payload)}")
        elif frame_type == frames.LOST:
            self._fail(stream, "it does not know the outcome")
        else:
            raise TrunkProtocolError(f"frame 0x{frame_type:02x} has no place in an answer")

    def _take_outcome(self, stream: AskedStream, payload: bytes) -> None:
        if stream.is_streamed or stream.answer_head:
            raise MalformedRelayError("a second answer")
        start, count = measure_outcome(payload)
        body = payload[start:]
        if len(body) == count:
            self._finish(stream, decode_outcome_head(payload[:start], body))
            return
        stream.answer_head = payload[:start]
        stream.answer_bytes = count
        if body:
            self._add_piece(stream, body)

    def _take_data(self, stream: AskedStream, payload: bytes) -> None:
        response = stream.relay.invocation.stream
        if stream.answer_head:
            self._add_piece(stream, payload)
        elif stream.is_streamed and response is not None:
            if not stream.incoming.receive(len(payload)):
                raise TrunkProtocolError("more of a stream than there was credit for")
            if response.relay(payload):
                self.return_credit(stream)
        else:
            raise MalformedRelayError("part of no answer")

    def list_held_up(self) -> list[Outgoing]:
        """Those whose event waits for credit, or whose outcome is still arriving."""
        return [one for one in self._streams.values() if one.is_waiting or one.answer_head]

    def give_up(self, stream: Outgoing) -> None:
        """An event that the owner does not take may be sent again; an outcome is dropped."""
        asked = self._streams.get(stream.stream)
        if asked is None:
            return
        if asked.is_waiting:
            self.cancel(asked)
            asked.relay.fail("it takes nothing more of the event", unreachable=False)
        else:
            self._give_up(asked, TimeoutError("nothing more of it has come"))

    def _add_piece(self, stream: AskedStream, piece: bytes) -> None:
        stream.moved += 1
        stream.answer_bytes -= len(piece)
        if stream.answer_bytes < 0:
            raise MalformedRelayError("more of a payload than was announced")
        if not stream.incoming.receive(len(piece)):
            raise TrunkProtocolError("more of a payload than there was credit for")
        stream.pieces.append(piece)
        if stream.answer_bytes:
            self.return_credit(stream)
        else:
            outcome = decode_outcome_head(stream.answer_head, b"".join(stream.pieces))
            self._finish(stream, outcome)

    def _take_end(self, stream: AskedStream) -> None:
        response = stream.relay.invocation.stream
        if not stream.is_streamed or response is None:
            raise MalformedRelayError("the end of no event stream")
        response.end()
        self._finish(stream, Outcome(b"", streamed=True))

    def _finish(self, stream: AskedStream, outcome: Outcome | ApiError | Dropped) -> None:
        self._forget(stream)
        stream.relay.finish(outcome)

    def _fail(self, stream: AskedStream, reason: str) -> None:
        self._forget(stream)
        stream.relay.fail(reason, unreachable=False)

    def _give_up(self, stream: AskedStream, error: Exception) -> None:
        """What came is not an answer, or one that cannot be passed on; the event may have run."""
        relay = stream.relay
        logger.error(
            "request %s: %s gave a reply that cannot be used: %r",
            relay.invocation.request_id,
            relay.owner.name,
            error,
        )
        self.cancel(stream)
        relay.finish(Dropped())

    def _forget(self, stream: AskedStream) -> None:
        stream.forget()
        del self._streams[stream.stream]
        if self._is_leaving:
            self._close_when_done()

    # the end

    def _leave(self) -> None:
        self._is_leaving = True
        on_ended, self._on_ended = self._on_ended, None
        if on_ended is not None:
            on_ended(self)

    def _close_when_done(self) -> None:
        if self._is_leaving and not self._streams:
            self.close()
