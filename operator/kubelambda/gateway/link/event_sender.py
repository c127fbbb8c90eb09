"""Sends one event at a time to an agent: its head, its payload and its end.

Contract: docs/link.md, sections 5 and 6. No more of the payload is sent than the agent has given
credit for. Frames that may go together go in one write, since each write costs a system call.
"""

from collections import deque
from collections.abc import Callable

from kubelambda.core.wire import frames
from kubelambda.core.wire.event_frames import encode_invoke
from kubelambda.core.wire.frames import FrameType
from kubelambda.gateway.invocation import Invocation

FRAME_HEAD_BYTES = 5
_INVOKE_BODY = int(FrameType.INVOKE_BODY)
_INVOKE_END = frames.encode_control(FrameType.INVOKE_END, {})


class EventSender:
    """``send`` writes to the link."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._unsent: deque[bytes] = deque()
        self._credit = 0

    def start(self, invocation: Invocation, beginning: bytes) -> None:
        """Send the event of ``invocation``, as far as a full window lets it go at once.

        ``beginning`` is what its frames begin with (``event_frames.encode_beginning``).
        """
        self._credit = frames.WINDOW_BYTES
        self._unsent.clear()
        payload = invocation.payload
        head = encode_invoke(
            beginning,
            timeout_ms=invocation.function.timeout_s * 1000,
            invoked_arn=invocation.invoked_arn,
            trace_id=invocation.trace_id,
            client_context=invocation.client_context,
            tail=invocation.wants_tail,
            stream=invocation.stream is not None,
            content_length=len(payload),
        )
        if 0 < len(payload) <= frames.BODY_BYTES_MAX:
            # The usual case: one body frame, which fits into the window.
            self._credit -= len(payload)
            body_head = frames.encode_header(_INVOKE_BODY, len(payload))
            self._send(b"".join((head, body_head, payload, _INVOKE_END)))
            return
        self._unsent.append(head)
        self._unsent.extend(frames.iter_body_frames(FrameType.INVOKE_BODY, payload))
        self._unsent.append(_INVOKE_END)
        self._send_allowed()

    def add_credit(self, count: int) -> None:
        """The agent takes ``count`` bytes more; never more than a window at a time."""
        self._credit = min(self._credit + count, frames.WINDOW_BYTES)
        self._send_allowed()

    def stop(self) -> None:
        """The event is over: drop what has not been sent of it."""
        self._unsent.clear()

    def _send_allowed(self) -> None:
        ready: list[bytes] = []
        while self._unsent:
            frame = self._unsent[0]
            is_body = frame[4] == FrameType.INVOKE_BODY
            body_bytes = len(frame) - FRAME_HEAD_BYTES if is_body else 0
            if body_bytes > self._credit:
                break
            self._credit -= body_bytes
            ready.append(self._unsent.popleft())
        if ready:
            self._send(b"".join(ready))
