"""One linked environment, from its agent's welcome to the end of the link.

Contract: speaks docs/link.md to one agent that has been welcomed. One event is in flight at a time.
Tells its pool (``EnvironmentListener``) of every change of state; does not decide which environment
gets which event. What the agent sends is hostile until checked: a broken rule closes the link, and
the caller of the event in flight gets ``Runtime.ExitError``.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, Protocol

from kubelambda.core.model.invocation import killed
from kubelambda.core.wire import frames
from kubelambda.core.wire.event_frames import (
    encode_beginning,
    is_plain_end,
    is_plain_idle,
    is_plain_response,
)
from kubelambda.core.wire.frames import FrameType, ProtocolError
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.link.event_deadlines import EventDeadlines
from kubelambda.gateway.link.event_sender import EventSender
from kubelambda.gateway.link.hello import Identity
from kubelambda.gateway.link.response import IncomingResponse

State = Literal["starting", "idle", "busy"]

ANSWER_GRACE_S = 0.25
FINISHING_S = 0.1
"""How long a runtime may take to ask for its next event: one period of its CPU quota."""
TAIL = re.compile(r"[A-Za-z0-9+/]{0,5462}={0,2}")
"""Base64 of at most 4,096 bytes; it becomes a header of the answer."""
_RESPONSE, _RESPONSE_BODY, _RESPONSE_END, _IDLE = (
    int(FrameType.RESPONSE),
    int(FrameType.RESPONSE_BODY),
    int(FrameType.RESPONSE_END),
    int(FrameType.IDLE),
)
"""Plain numbers, since comparing a member of an IntEnum takes twice as long."""


class EnvironmentListener(Protocol):
    """Hands out events (``gateway.pools``)."""

    def environment_idle(self, environment: "Environment", *, first: bool) -> None:
        """It can take an event; ``first``: for the first time since it was linked."""
        ...

    def environment_recovered(self, environment: "Environment") -> None:
        """It runs an event that another gateway gave it, or keeps the result of one."""
        ...

    def environment_changed(self, environment: "Environment") -> None:
        """Its state changed in another way; worth telling the controller."""
        ...


class Environment:
    """An agent's link after welcome. ``send`` writes to the connection, ``close`` ends it."""

    def __init__(
        self,
        identity: Identity,
        listener: EnvironmentListener,
        send: Callable[[bytes], None],
        close: Callable[[], None],
        deadlines: EventDeadlines,
    ) -> None:
        self.identity = identity
        self.state: State = "starting"
        self.leaving = False
        self.idle_since = 0.0
        self.linked_at = asyncio.get_running_loop().time()
        self.configured_at: float | None = None
        """None if another gateway configured it."""
        self.event_s: float | None = None
        """How long the last event took, until the environment was idle again; None before that."""
        self._listener = listener
        self._send = send
        self._close = close
        self._deadlines = deadlines
        self._loop = asyncio.get_running_loop()
        self._invocation: Invocation | None = None
        self.recovered_request = ""
        """The event of another gateway that it runs, or whose result it keeps (docs/link.md, 7)."""
        self._beginning = b""
        """What the agent's frames about the event in flight begin with."""
        self._event = EventSender(send)
        self._response = IncomingResponse(send, None)
        self._begun_at = self._answered_at = 0.0

    # what the gateway sends

    def configure(self, fields: dict[str, Any]) -> None:
        """Hand over code and configuration; init begins."""
        self.configured_at = self._loop.time()
        self._send(frames.encode_control(FrameType.CONFIGURE, fields))

    def adopt(self, state: str, request_id: str) -> None:
        """Take on an agent that was configured before, in the state that it says it is in."""
        self.recovered_request = request_id
        if state == "busy":
            self.state = "busy"
        if request_id:
            self._listener.environment_recovered(self)
        if state == "idle":
            self._become_idle()

    def invoke(self, invocation: Invocation) -> None:
        """Send an event: to an idle environment, or to one that has recovered this very event."""
        self.state = "busy"
        self._invocation = invocation
        self._beginning = encode_beginning(invocation.request_id)
        self.recovered_request = ""
        self._response = IncomingResponse(self._send, invocation.stream)
        self._begun_at = self._loop.time()
        invocation.begin()
        late_at = self._begun_at + invocation.function.timeout_s + ANSWER_GRACE_S
        self._deadlines.add(invocation, late_at)
        self._event.start(invocation, self._beginning)

    def drain(self) -> None:
        """Tell it to finish the event in flight and end."""
        self.leaving = True
        self._send(frames.encode_control(FrameType.DRAIN, {}))

    def shut_down(self, reason: str) -> None:
        """Tell it to end now."""
        self.leaving = True
        self._send(frames.encode_control(FrameType.SHUTDOWN, {"reason": reason}))

    def abort(self) -> None:
        """Cut its link, as if it were lost."""
        self.lost()
        self._close()

    def go_away(self, address: str = "", epoch: int = 0, epoch_proof: str = "") -> None:
        """Another gateway owns the function now, at ``address`` if that is known."""
        self.leaving = True
        fields = {"address": address, "epoch": epoch, "epochProof": epoch_proof} if address else {}
        self._send(frames.encode_control(FrameType.GOAWAY, fields))

    # what the agent sends

    def receive(self, frame_type: int, payload: bytes) -> None:
        """One frame; ProtocolError if it has no place here."""
        if frame_type == _RESPONSE:
            self._on_response(payload)
        elif frame_type == _RESPONSE_BODY:
            self._response.add(payload)
        elif frame_type == _RESPONSE_END:
            self._on_response_end(payload)
        elif frame_type == _IDLE:
            self._on_idle(payload)
        else:
            self._receive_other(frame_type, payload)

    def lost(self) -> None:
        """The link has ended: an event in flight ends as if the runtime had been killed."""
        self.leaving = True
        invocation, self._invocation = self._invocation, None
        if invocation is not None:
            self._deadlines.discard(invocation)
            invocation.finish(self._response.outcome or killed(invocation.request_id))
            invocation.release()

    def is_finishing(self, now: float) -> bool:
        """Whether its response is complete, so that it should be idle in a moment."""
        answered = self.state == "busy" and self._response.outcome is not None
        return answered and now - self._answered_at < FINISHING_S

    def count_busy_s(self, now: float) -> float:
        """How long the event in flight has run; 0 without one of this gateway's."""
        return now - self._begun_at if self._invocation is not None else 0.0

    @property
    def is_recovering(self) -> bool:
        """Whether it is busy with an event that another gateway gave it."""
        return self.state == "busy" and self._invocation is None

    @property
    def invocation(self) -> Invocation | None:
        """The event in flight, if it is one of this gateway's."""
        return self._invocation

    def _receive_other(self, frame_type: int, payload: bytes) -> None:
        if frame_type == FrameType.CREDIT:
            self._event.add_credit(frames.decode_credit(payload))
        elif frame_type in (FrameType.INIT_DONE, FrameType.INIT_ERROR):
            frames.decode_agent_control(frame_type, payload)
            self._end_init()
        elif frame_type == FrameType.LEAVING:
            frames.decode_control(payload)
            self.drain()
            self._listener.environment_changed(self)
        elif frame_type != FrameType.LOG:  # log forwarding is reserved
            raise ProtocolError(f"frame 0x{frame_type:02x} has no place after welcome")

    def _end_init(self) -> None:
        if self.state != "starting":
            raise ProtocolError("init is over already")
        self._become_idle()

    def _on_response(self, payload: bytes) -> None:
        if self._invocation is not None and is_plain_response(payload, self._beginning):
            self._response.open(function_error=False, is_streaming=False)
            return
        fields = frames.decode_control(payload)
        self._expect_in_flight(fields)
        self._response.open(
            function_error=fields.get("functionError") is True,
            is_streaming=fields.get("mode") == "streaming",
        )

    def _on_response_end(self, payload: bytes) -> None:
        invocation = self._invocation
        if invocation is not None and is_plain_end(payload, self._beginning):
            outcome = self._response.close("")
        else:
            fields = frames.decode_control(payload)
            self._expect_in_flight(fields)
            outcome = self._response.close(fields.get("error") or fields.get("errorType") or "")
        self._answered_at = self._loop.time()
        if invocation is not None and not invocation.wants_tail:
            invocation.finish(outcome)

    def _on_idle(self, payload: bytes) -> None:
        invocation = self._invocation
        if invocation is not None and is_plain_idle(payload, self._beginning):
            self._end_event(invocation, None)
        else:
            fields = frames.decode_agent_control(FrameType.IDLE, payload)
            if self.state != "busy":
                raise ProtocolError("idle without an event")
            if invocation is not None:
                if fields.get("requestId") != invocation.request_id:
                    raise ProtocolError("idle names another event")
                self._end_event(invocation, fields.get("tail"))
        self.recovered_request = ""
        self._become_idle()

    def _end_event(self, invocation: Invocation, tail: Any) -> None:
        self._invocation = None
        self._deadlines.discard(invocation)
        self.event_s = self._loop.time() - self._begun_at
        if not invocation.answered:
            outcome = self._response.outcome or killed(invocation.request_id)
            if isinstance(tail, str) and TAIL.fullmatch(tail):
                outcome = replace(outcome, tail=tail)
            invocation.finish(outcome)
        invocation.release()

    def _become_idle(self) -> None:
        first = self.state == "starting"
        self.state = "idle"
        self.idle_since = self._loop.time()
        self._event.stop()
        self._listener.environment_idle(self, first=first)

    def _expect_in_flight(self, fields: dict[str, Any]) -> None:
        wanted = self._invocation.request_id if self._invocation else self.recovered_request
        if self.state != "busy" or fields.get("requestId") != wanted:
            raise ProtocolError("a response to no event in flight")
