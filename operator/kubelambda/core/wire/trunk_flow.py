"""In which order the frames of a trunk's streams are sent, and how many of them.

Contract: pure; docs/forwarding.md. What is sent of events and answers is bounded twice: on each
stream by what the receiver has stored or its client has taken, and on the connection by what the
other gateway has read. So neither a slow client nor a large payload holds up another stream, and
the kernel's buffer always has room for a frame that must leave at once (BEGUN). Streams with
something to send take turns, a DATA frame each.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from kubelambda.core.wire.trunk_frames import (
    DATA,
    DATA_BYTES_MAX,
    encode_frame,
    encode_header,
)

STREAM_WINDOW_BYTES: Final = 262_144
"""How many bytes of a payload may be sent on a stream before the receiver gives credit."""
CONNECTION_WINDOW_BYTES: Final = 262_144
"""The same of all streams together: less than a socket's buffer holds (212,992 B and as much for
the kernel's own use) if the other end does not read."""
CREDIT_STEP_BYTES: Final = 65_536
"""Credit is given back in steps of at least this."""
JOINED_BYTES_MAX: Final = 16_384
"""A payload up to this goes in one frame with its head."""


class Outgoing:
    """What one stream has to send: a head, a payload or the parts of an event stream, an end."""

    __slots__ = (
        "credit",
        "end",
        "first",
        "head",
        "is_queued",
        "moved",
        "moved_before",
        "offset",
        "parts",
        "still",
        "stream",
    )

    def __init__(self, stream: int) -> None:
        self.stream = stream
        self.credit = STREAM_WINDOW_BYTES
        self.first = 0
        """The type of the frame that ``head`` goes in."""
        self.head = b""
        self.parts: deque[bytes] | None = None
        self.offset = 0
        """How much of the first part has been sent."""
        self.end = b""
        """The frame that follows the last part."""
        self.is_queued = False
        self.moved = self.moved_before = self.still = 0

    def count_still(self) -> int:
        """How often this has been asked since a frame of a payload moved, either way."""
        self.still = self.still + 1 if self.moved == self.moved_before else 0
        self.moved_before = self.moved
        return self.still

    @property
    def is_waiting(self) -> bool:
        """Whether something of it has not been sent."""
        return bool(self.head or self.parts or self.end)

    def sent_all(self) -> None:
        """Called when what was waiting has been written, the end included if there is one."""

    def forget(self) -> None:
        """Send nothing of what is waiting."""
        self.head = self.end = b""
        self.parts = None


class FlowSender:
    """All that one end of a trunk has to send; ``write`` takes whole frames."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._queue: deque[Outgoing] = deque()
        self.credit = CONNECTION_WINDOW_BYTES
        """Below 0 if a head was longer than what was left."""
        self.is_blocked = False
        """Set while the kernel takes nothing: only short frames are written then."""

    def send_message(self, out: Outgoing, frame_type: int, head: bytes, body: bytes) -> None:
        """Send ``head`` and ``body``; in one frame if both are short and may go now."""
        count = len(head) + len(body)
        if (
            not self._queue
            and not self.is_blocked
            and len(body) <= JOINED_BYTES_MAX
            and count <= self.credit
        ):
            self.credit -= count
            out.credit -= len(body)
            self._write(encode_header(frame_type, out.stream, count) + head + body)
            return
        out.first, out.head = frame_type, head
        if body:
            out.parts = deque((body,))
        self._enqueue(out)

    def send_part(self, out: Outgoing, part: bytes) -> bool:
        """Send a part of an event stream; whether none is waiting now."""
        if part:
            if out.parts is None:
                out.parts = deque()
            out.parts.append(part)
            self._enqueue(out)
        return not out.parts

    def send_end(self, out: Outgoing, frame: bytes) -> None:
        """Send ``frame`` after all that is waiting."""
        out.end = frame
        self._enqueue(out)

    def add_connection_credit(self, count: int) -> None:
        """The other end has read ``count`` bytes more."""
        self.credit = min(self.credit + count, CONNECTION_WINDOW_BYTES)
        self.pump()

    def add_stream_credit(self, out: Outgoing, count: int) -> None:
        """The other end takes ``count`` bytes more on this stream."""
        out.credit = min(out.credit + count, STREAM_WINDOW_BYTES)
        if out.parts:
            self._enqueue(out)

    def pump(self) -> None:
        """Write what may be written."""
        queue = self._queue
        while queue and self.credit > 0 and not self.is_blocked:
            out = queue.popleft()
            if self._send_turn(out):
                queue.append(out)
            else:
                out.is_queued = False
                if not out.parts:
                    out.sent_all()

    def clear(self) -> None:
        """The connection has ended."""
        self._queue.clear()

    def _enqueue(self, out: Outgoing) -> None:
        if not out.is_queued:
            out.is_queued = True
            self._queue.append(out)
        self.pump()

    def _send_turn(self, out: Outgoing) -> bool:
        """One turn of ``out``; whether it can go on with another one."""
        out.moved += 1
        if out.head:
            self.credit -= len(out.head)
            self._write(encode_frame(out.first, out.stream, out.head))
            out.head = b""
        elif out.parts and out.credit > 0:
            self._send_data(out, out.parts)
        if out.parts:
            return out.credit > 0
        if out.end:
            self._write(out.end)
            out.end = b""
        return False

    def _send_data(self, out: Outgoing, parts: deque[bytes]) -> None:
        part = parts[0]
        count = min(len(part) - out.offset, out.credit, self.credit, DATA_BYTES_MAX)
        end = out.offset + count
        piece = part if count == len(part) else part[out.offset : end]
        if end == len(part):
            parts.popleft()
            out.offset = 0
        else:
            out.offset = end
        out.credit -= count
        self.credit -= count
        self._write(encode_header(DATA, out.stream, count) + piece)


class Incoming:
    """What one stream receives: how much more the other end may send, and what it may be told."""

    __slots__ = ("allowed", "unreturned")

    def __init__(self) -> None:
        self.allowed = STREAM_WINDOW_BYTES
        self.unreturned = 0

    def receive(self, count: int) -> bool:
        """``count`` bytes have come; False if the other end had no credit for them."""
        self.allowed -= count
        self.unreturned += count
        return self.allowed >= 0

    def take_credit(self, least: int = CREDIT_STEP_BYTES) -> int:
        """The credit to be given now for what has been received and taken; 0 for less than
        ``least``.
        """
        count = self.unreturned
        if count < least:
            return 0
        self.unreturned = 0
        self.allowed += count
        return count
