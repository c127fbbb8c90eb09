"""An event that another gateway has sent over a trunk, and its answer.

Contract: docs/forwarding.md. BEGUN has been handed to the kernel when ``ServedStream.begin``
returns, so before the environment gets the event. An event has one answer, and what is answered
after it, or after the caller has gone, is dropped.
"""

from collections.abc import Callable
from typing import Final, Protocol

from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire import trunk_frames as frames
from kubelambda.core.wire.relay import RelayRequest
from kubelambda.core.wire.trunk_flow import FlowSender, Incoming, Outgoing
from kubelambda.core.wire.trunk_messages import encode_outcome_head
from kubelambda.gateway.http.answer_encoding import Headers

MISDIRECTED: Final = 421


class ServingTrunk(Protocol):
    """The trunk that an event came on (``trunk_server.TrunkServer``)."""

    @property
    def sender(self) -> FlowSender:
        """Sends answers, as far as the other gateway has given credit."""
        ...

    def write(self, data: bytes) -> None:
        """Write whole frames, with everything else that is written in this round of the loop."""
        ...

    def write_now(self, data: bytes) -> None:
        """Hand whole frames to the kernel, after those that have been written before."""
        ...

    def keep(self, stream: "ServedStream", count: int) -> bool:
        """Charge an answer of ``count`` bytes that waits; False where it is to be let go."""
        ...

    def release(self, stream: "ServedStream") -> None:
        """Its payload is not kept any more; a second call changes nothing."""
        ...

    def discard(self, stream: "ServedStream") -> None:
        """Nothing more is sent or received on it; a second call changes nothing."""
        ...


class ServedStream(Outgoing):
    """One event of the other gateway's, and its answer; a driver of ``relay_answer.RelayAnswer``.

    ``gone``: its caller has gone, so nobody waits for its answer. What is answered after that, or
    after its one answer, is dropped.
    """

    __slots__ = (
        "gone",
        "held",
        "incoming",
        "is_answered",
        "is_begun",
        "kept",
        "missing",
        "on_gone",
        "on_writable",
        "pieces",
        "request",
        "trunk",
        "was_full",
    )

    def __init__(self, trunk: ServingTrunk, stream: int, request: RelayRequest) -> None:
        super().__init__(stream)
        self.trunk = trunk
        self.request = request
        self.incoming = Incoming()
        self.pieces: list[bytes] = []
        self.missing = 0
        """How many bytes of its payload are still to come."""
        self.held = 0
        """So many are charged to the budget of payloads."""
        self.kept = 0
        """So many are charged to that of answers."""
        self.is_begun = False
        self.is_answered = False
        """Its last frame is written, or waits for credit."""
        self.was_full = False
        """The producer of the event stream was told to wait."""
        self.gone = False
        self.on_gone: Callable[[], None] | None = None
        self.on_writable: Callable[[], None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing can be answered any more."""
        return self.gone or self.is_answered

    def begin(self) -> None:
        """The event is about to go to an environment: tell the other gateway first."""
        self.is_begun = True
        if not self.is_over:
            self.trunk.write_now(frames.encode_header(frames.BEGUN, self.stream, 0))

    def complete(self, outcome: Outcome | ApiError | Dropped) -> None:
        """Send what became of it, which is the last of the stream."""
        if self.is_over:
            return
        if isinstance(outcome, Dropped):
            self.drop()
        elif isinstance(outcome, ApiError) and outcome.status == MISDIRECTED:
            self.break_off(frames.encode_refusal(self.stream, MISDIRECTED))
        else:
            self.is_answered = True
            head, body = encode_outcome_head(outcome)
            self.trunk.sender.send_message(self, frames.OUTCOME, head, body)
            self.trunk.release(self)
            if not self.is_waiting:
                self.trunk.discard(self)
            elif not self.trunk.keep(self, len(body)):
                self.break_off(frames.encode_frame(frames.LOST, self.stream))

    def send_part(self, data: bytes) -> bool:
        """Send a part of an event stream; False: wait for ``on_writable`` before the next one."""
        if self.is_over:
            return False
        self.was_full = not self.trunk.sender.send_part(self, data)
        return not self.was_full

    def end_parts(self) -> None:
        """The event stream is complete: its end follows what is waiting of it."""
        if not self.is_over:
            self.is_answered = True
            self.trunk.sender.send_end(self, frames.encode_frame(frames.END, self.stream))
            self.trunk.release(self)

    def drop(self) -> None:
        """Say that nobody knows how the event ended."""
        if not self.is_over:
            self.break_off(frames.encode_frame(frames.LOST, self.stream))

    def break_off(self, frame: bytes) -> None:
        """``frame`` is the last of the stream; what is waiting of it is not sent."""
        self.is_answered = True
        self.trunk.write(frame)
        self.trunk.discard(self)

    def sent_all(self) -> None:
        """The other gateway has been sent what was waiting."""
        if self.is_answered:
            self.trunk.discard(self)
        elif self.was_full and not self.gone:
            self.was_full = False
            if self.on_writable is not None:
                self.on_writable()


class StreamedAnswer:
    """The event stream that answers one event; a driver of ``streaming.AnswerInParts``."""

    def __init__(self, stream: ServedStream) -> None:
        self._stream = stream

    @property
    def gone(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._stream.gone

    @property
    def on_writable(self) -> Callable[[], None] | None:
        """Called when more is taken, after ``send`` said no."""
        return self._stream.on_writable

    @on_writable.setter
    def on_writable(self, callback: Callable[[], None] | None) -> None:
        self._stream.on_writable = callback

    def begin(self, status: int, headers: Headers) -> None:
        """The answer is an event stream; the other gateway's client gets its own head."""
        stream = self._stream
        if not stream.is_over:
            stream.trunk.write(frames.encode_frame(frames.STREAM, stream.stream))

    def send(self, data: bytes) -> bool:
        """Send a part; False: wait for ``on_writable`` before the next one."""
        return self._stream.send_part(data)

    def end(self) -> None:
        """Nothing follows."""
        self._stream.end_parts()
