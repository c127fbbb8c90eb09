"""Frames of a trunk: the one connection over which a gateway sends its events to another.

Contract: pure; docs/forwarding.md. A frame is ``u32 length of the payload | u8 type | u32 stream |
payload``. The sender of an event numbers its stream, from 1 upwards; stream 0 is the connection
itself. No number of a frame is used before its bounds were checked. A frame over its limit is
refused from its header, before its payload is kept; one of an unknown type from
FIRST_IGNORABLE_TYPE up is skipped.
"""

import struct
from collections.abc import Sequence
from typing import Final

EVENT: Final = 0x01
"""An event: its head (``trunk_messages``) and as much of its payload as goes with it."""
CANCEL: Final = 0x02
"""The event's caller has gone: whatever is answered is dropped."""
BEGUN: Final = 0x10
"""The event is handed to an environment now: it must not be sent again."""
OUTCOME: Final = 0x11
"""How the event ended, and as much of the payload as goes with it."""
STREAM: Final = 0x12
"""The answer is an event stream that the caller gets unchanged; DATA and END follow."""
END: Final = 0x13
"""The event stream is complete."""
REFUSED: Final = 0x14
"""The event was not begun; u16, the status that the older form answers then."""
LOST: Final = 0x15
"""Nobody knows how the event ended, or its stream broke off."""
DATA: Final = 0x20
"""More of a payload or of an event stream."""
CREDIT: Final = 0x21
"""u32: so many more bytes may be sent on this stream, or on the connection (stream 0)."""
PROOF: Final = 0x30
"""The first frame of the gateway that has dialled (``trunk_opening``)."""
PING: Final = 0x31
PONG: Final = 0x32
GOAWAY: Final = 0x33
"""The owner is stopping: no new streams, those that run go on."""

FIRST_IGNORABLE_TYPE: Final = 0x80
HEADER_BYTES: Final = 9
DATA_BYTES_MAX: Final = 32_768
HEAD_BYTES_MAX: Final = 1_048_576
"""Of an EVENT or OUTCOME: the head, and what goes with it of the payload."""
SHORT_BYTES_MAX: Final = 128
STREAM_MAX: Final = 0xFFFF_FFFF

_HEADER: Final = struct.Struct(">IBI")
_COUNT: Final = struct.Struct(">I")
_STATUS: Final = struct.Struct(">H")
_STATUS_LOW: Final = 400
_STATUS_HIGH: Final = 599

_SHORT_TYPES: Final = frozenset(
    {CANCEL, BEGUN, STREAM, END, REFUSED, LOST, CREDIT, PROOF, PING, PONG, GOAWAY}
)


class TrunkProtocolError(Exception):
    """The peer broke the rules of docs/forwarding.md; the connection cannot go on.

    ``before`` are the frames that came whole before that, in the same bytes: they still count.
    """

    def __init__(self, reason: str, before: Sequence[tuple[int, int, bytes]] = ()) -> None:
        super().__init__(reason)
        self.before = before


def encode_header(frame_type: int, stream: int, count: int) -> bytes:
    """The header of a frame whose payload has ``count`` bytes."""
    return _HEADER.pack(count, frame_type, stream)


def encode_frame(frame_type: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame on the wire."""
    return _HEADER.pack(len(payload), frame_type, stream) + payload


def encode_credit(stream: int, count: int) -> bytes:
    """``count`` bytes more may be sent on ``stream``."""
    return _HEADER.pack(4, CREDIT, stream) + _COUNT.pack(count)


def decode_credit(payload: bytes) -> int:
    """The byte count of a CREDIT frame."""
    if len(payload) != _COUNT.size:
        raise TrunkProtocolError("credit is not 4 bytes")
    return int(_COUNT.unpack(payload)[0])


def encode_refusal(stream: int, status: int) -> bytes:
    """The event of ``stream`` was not begun."""
    return _HEADER.pack(2, REFUSED, stream) + _STATUS.pack(status)


def decode_refusal(payload: bytes) -> int:
    """The status of a REFUSED frame."""
    status = int(_STATUS.unpack(payload)[0]) if len(payload) == _STATUS.size else 0
    if not _STATUS_LOW <= status <= _STATUS_HIGH:
        raise TrunkProtocolError("a refusal without a status")
    return status


class FrameCutter:
    """Cuts a byte stream into frames; TrunkProtocolError at the first broken rule.

    Bytes that do not make a whole frame yet are kept in the pieces in which they came, so that a
    large frame is copied once.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self._wanted = HEADER_BYTES

    def feed(self, data: bytes) -> list[tuple[int, int, bytes]]:
        """Add ``data``; each frame that is whole now, as (type, stream, payload)."""
        if self._pieces:
            self._pieces.append(data)
            self._held += len(data)
            if self._held < self._wanted:
                return []
            data = b"".join(self._pieces)
            self._pieces = []
        frames: list[tuple[int, int, bytes]] = []
        start, size, wanted = 0, len(data), HEADER_BYTES
        while size - start >= HEADER_BYTES:
            length, frame_type, stream = _HEADER.unpack_from(data, start)
            broken_rule = _find_broken_rule(length, frame_type, stream)
            if broken_rule:
                raise TrunkProtocolError(broken_rule, frames)
            end = start + HEADER_BYTES + length
            if end > size:
                wanted = end - start
                break
            if frame_type < FIRST_IGNORABLE_TYPE:
                frames.append((frame_type, stream, data[start + HEADER_BYTES : end]))
            start = end
        if start < size:
            self._pieces = [data[start:]]
            self._held = size - start
            self._wanted = wanted
        return frames


def _find_broken_rule(length: int, frame_type: int, stream: int) -> str:
    """What is wrong with a header; empty where nothing is."""
    if frame_type == DATA:
        high = DATA_BYTES_MAX
    elif frame_type in (EVENT, OUTCOME) or frame_type >= FIRST_IGNORABLE_TYPE:
        high = HEAD_BYTES_MAX
    elif frame_type in _SHORT_TYPES:
        high = SHORT_BYTES_MAX
    else:
        return f"unknown frame type 0x{frame_type:02x}"
    if length > high:
        return f"a frame of {length} bytes, over the limit of {high}"
    is_checked = frame_type != CREDIT and frame_type < FIRST_IGNORABLE_TYPE
    if is_checked and (frame_type < PROOF) != bool(stream):
        return f"frame 0x{frame_type:02x} on stream {stream}"
    return ""
