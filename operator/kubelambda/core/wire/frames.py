"""Frames of the link between agent and gateway: encoding, incremental decoding, limits, proofs.

Contract: bytes in, values out; sockets and timers are ``gateway.link.connection``'s.
Both directions of docs/link.md, sections 2 and 3; the Go twin is runtimes/agent/link. Shared
vectors: tests/vectors/link.json. No number from an agent is used before its type and bounds were
checked.
"""

import hashlib
import hmac
import json
import struct
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

from kubelambda.core.wire.checked_values import (
    COUNT_MAX,
    MILLISECONDS_MAX,
    read_integer,
    read_number,
)

BODY_BYTES_MAX = 65_536
CONTROL_BYTES_MAX = 1_048_576
UNAUTHENTICATED_BYTES_MAX = 4_096
WINDOW_BYTES = 262_144
FIRST_IGNORABLE_TYPE = 0x80
EPOCH_KEY_INFO = "kubelambda/epoch"
"""The gateways' own key for proofs of epochs (``prove_epoch``); no agent has it."""
_HEADER_BYTES = 4


class FrameType(IntEnum):
    """All frame types; one from 0x80 up is ignored by a peer that does not know it."""

    CHALLENGE = 0x01
    HELLO = 0x02
    WELCOME = 0x03
    REDIRECT = 0x04
    REFUSE = 0x05
    CONFIGURE = 0x10
    INIT_DONE = 0x11
    INIT_ERROR = 0x12
    INVOKE = 0x20
    INVOKE_BODY = 0x21
    INVOKE_END = 0x22
    RESPONSE = 0x30
    RESPONSE_BODY = 0x31
    RESPONSE_END = 0x32
    IDLE = 0x33
    LOG = 0x40
    CREDIT = 0x50
    PING = 0x60
    PONG = 0x61
    DRAIN = 0x70
    SHUTDOWN = 0x71
    GOAWAY = 0x72
    LEAVING = 0x80


BODY_TYPES = frozenset({FrameType.INVOKE_BODY, FrameType.RESPONSE_BODY})
_HEADER = struct.Struct(">IB")
_LIMITS: Mapping[int, int] = {
    int(frame_type): BODY_BYTES_MAX + 1 if frame_type in BODY_TYPES else CONTROL_BYTES_MAX
    for frame_type in FrameType
}
"""How long a frame of each known type may be once the peer is authenticated."""
_AGENT_NUMBERS: Mapping[int, Mapping[str, float]] = {
    FrameType.HELLO: {"remainingMs": MILLISECONDS_MAX},
    FrameType.INIT_DONE: {"initMs": MILLISECONDS_MAX},
    FrameType.INIT_ERROR: {"initMs": MILLISECONDS_MAX},
    FrameType.IDLE: {
        "durationMs": MILLISECONDS_MAX,
        "billedMs": MILLISECONDS_MAX,
        "maxMemoryMB": COUNT_MAX,
        "initMs": MILLISECONDS_MAX,
    },
}
"""The numbers that an agent may leave out, each from 0 to its highest value."""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(separators=(",", ":"))


class ProtocolError(Exception):
    """The peer broke the rules of docs/link.md; the connection cannot go on."""


def encode_header(frame_type: int, payload_bytes: int) -> bytes:
    """What precedes a payload of that many bytes."""
    return _HEADER.pack(payload_bytes + 1, frame_type)


def encode_frame(frame_type: int, payload: bytes = b"") -> bytes:
    """One frame on the wire."""
    return _HEADER.pack(len(payload) + 1, frame_type) + payload


def encode_control(frame_type: int, fields: Mapping[str, Any]) -> bytes:
    """A control frame whose payload is ``fields`` as compact JSON."""
    return encode_frame(frame_type, _ENCODER.encode(fields).encode())


def encode_credit(byte_count: int) -> bytes:
    """A credit frame: the peer may send ``byte_count`` more body bytes."""
    return encode_frame(FrameType.CREDIT, byte_count.to_bytes(4, "big"))


def iter_body_frames(frame_type: int, body: bytes | memoryview) -> Iterator[bytes]:
    """``body`` cut into body frames of at most 64 KiB."""
    view = memoryview(body)
    for start in range(0, len(view), BODY_BYTES_MAX):
        yield encode_frame(frame_type, bytes(view[start : start + BODY_BYTES_MAX]))


def decode_control(payload: bytes) -> dict[str, Any]:
    """The JSON object of a control frame; raises ProtocolError for anything else."""
    try:
        # Decoded here, since json.loads takes UTF-16 and UTF-32 as well if it is given bytes.
        fields = _DECODER.decode(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("control payload is not JSON in UTF-8") from error
    if not isinstance(fields, dict):
        raise ProtocolError("control payload is not a JSON object")
    return fields


def decode_agent_control(frame_type: int, payload: bytes) -> dict[str, Any]:
    """The same for an agent's frame; each number that docs/link.md names is checked, too."""
    fields = decode_control(payload)
    for name, high in _AGENT_NUMBERS.get(frame_type, {}).items():
        if name in fields:
            try:
                read_number(fields[name], high=high)
            except ValueError as error:
                raise ProtocolError(f"{name} of frame 0x{frame_type:02x}: {error}") from error
    return fields


def read_agent_integer(
    fields: Mapping[str, Any], name: str, *, high: int, default: int | None
) -> int:
    """The integer ``name`` of an agent's frame, from 0 to ``high``; ProtocolError otherwise."""
    value = fields.get(name, default)
    try:
        return read_integer(value, high=high)
    except ValueError as error:
        raise ProtocolError(f"{name}: {error}") from error


def decode_credit(payload: bytes) -> int:
    """The byte count of a credit frame."""
    if len(payload) != _HEADER_BYTES:
        raise ProtocolError("credit payload is not 4 bytes")
    return int.from_bytes(payload, "big")


class FrameDecoder:
    """Cuts a byte stream into frames; raises ProtocolError at the first broken rule.

    A decoder starts unauthenticated (4 KiB a frame); set ``authenticated`` once the peer has
    proved itself. A frame over its limit is refused from its header, before its payload is kept.
    """

    def __init__(self) -> None:
        self.authenticated = False
        self._kept = bytearray()
        """The beginning of a frame whose rest has not come; as a rule there is none."""
        self._wanted_bytes = 0
        """How long ``_kept`` has to be before it is worth another look."""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Add ``data``; yield each whole frame as (type, payload), but none of an unknown type."""
        if self._kept:
            self._kept += data
            if len(self._kept) < self._wanted_bytes:
                return
            data, self._kept = bytes(self._kept), bytearray()
        start, size, wanted = 0, len(data), _HEADER_BYTES
        while size - start > _HEADER_BYTES:
            length, frame_type = _HEADER.unpack_from(data, start)
            if not (self.authenticated and 0 < length <= _LIMITS.get(frame_type, 0)):
                self._check_header(length, frame_type)
            end = start + _HEADER_BYTES + length
            if end > size:
                wanted = end - start
                break
            if frame_type in _LIMITS:
                yield frame_type, data[start + _HEADER.size : end]
            start = end
        if start < size:
            self._keep(data[start:], wanted)

    def _keep(self, rest: bytes, wanted_bytes: int) -> None:
        if len(rest) == _HEADER_BYTES and not any(rest):
            raise ProtocolError("frame of length 0")
        self._kept += rest
        self._wanted_bytes = wanted_bytes

    def _check_header(self, length: int, frame_type: int) -> None:
        if length == 0:
            raise ProtocolError("frame of length 0")
        if frame_type < FIRST_IGNORABLE_TYPE and frame_type not in _LIMITS:
            raise ProtocolError(f"unknown frame type 0x{frame_type:02x}")
        if not self.authenticated:
            limit = UNAUTHENTICATED_BYTES_MAX
        elif frame_type in BODY_TYPES:
            limit = BODY_BYTES_MAX + 1
        else:
            limit = CONTROL_BYTES_MAX
        if length > limit:
            raise ProtocolError(f"frame of {length} bytes, over the limit of {limit}")


def agent_proof(key: bytes, gateway_nonce: str, agent_nonce: str, uid: str, pod: str) -> str:
    """What the agent puts into hello to show that it holds ``key``; lower-case hex."""
    return _proof(key, "agent", gateway_nonce, agent_nonce, uid, pod)


def gateway_proof(key: bytes, gateway_nonce: str, agent_nonce: str, uid: str, pod: str) -> str:
    """What the gateway puts into welcome or redirect; the nonces change places."""
    return _proof(key, "gateway", agent_nonce, gateway_nonce, uid, pod)


def prove_epoch(key: bytes, epoch: int) -> str:
    """A gateway's proof that gateways issued ``epoch``: agents carry it and cannot forge it."""
    return hmac.new(key, f"kubelambda-epoch/1\n{epoch}".encode(), hashlib.sha256).hexdigest()


def is_epoch_proved(key: bytes, epoch: int, proof: str) -> bool:
    """Whether ``prove_epoch`` with ``key`` made ``proof``."""
    return hmac.compare_digest(prove_epoch(key, epoch).encode(), proof.encode())


def _proof(key: bytes, role: str, *parts: str) -> str:
    message = "\n".join((f"kubelambda-link/1 {role}", *parts)).encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()
