"""The heads of events and outcomes on a trunk: what precedes a payload.

Contract: pure; docs/forwarding.md. An event's head carries a ``relay.RelayRequest``, in a fixed
layout with texts separated by NUL bytes: reading and writing JSON took a quarter of the CPU of a
forwarded event. If one of the texts contains a NUL byte, they are sent as the older form's JSON.
Texts beyond those that this release knows are skipped, so that a later release can add some. An
outcome's head carries the tail of its log; an error is the older form's JSON.
"""

import struct
from typing import Final

from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import (
    RESPONSE_BYTES_MAX,
    SYNC_REQUEST_BYTES_MAX,
    Outcome,
)
from kubelambda.core.wire.checked_values import EPOCH_MAX, TEXT_CHARS_MAX
from kubelambda.core.wire.relay import (
    MalformedRelayError,
    RelayRequest,
    decode_request,
    encode_request,
)
from kubelambda.core.wire.relay_outcome import decode_outcome, encode_outcome

_EVENT: Final = struct.Struct(">BBQII")
_OUTCOME: Final = struct.Struct(">BII")
EVENT_HEAD_BYTES: Final = _EVENT.size
OUTCOME_HEAD_BYTES: Final = _OUTCOME.size

_TAIL: Final = 0x01
_REPEAT: Final = 0x02
_STREAM: Final = 0x04
_JSON: Final = 0x80
_TEXTS: Final = 8
_TRACE_CHARS_MAX: Final = 16_384
_CONTEXT_CHARS_MAX: Final = 16_384
_HOPS_MAX: Final = 100

_SUCCESS: Final = 0
_FUNCTION_ERROR: Final = 1
_API_ERROR: Final = 2


def encode_event_head(request: RelayRequest, body_bytes: int) -> bytes:
    """The head of ``request``, whose payload has ``body_bytes`` bytes."""
    flags = (
        (_TAIL if request.wants_tail else 0)
        | (_REPEAT if request.may_repeat else 0)
        | (_STREAM if request.stream else 0)
    )
    texts = "\0".join(
        (
            request.request_id,
            request.namespace,
            request.function_name,
            request.function_uid,
            request.qualifier,
            request.trace_id,
            request.client_context,
            request.function_version,
        )
    )
    if texts.count("\0") != _TEXTS - 1:
        flags, texts = _JSON, encode_request(request)
    text = texts.encode()
    return _EVENT.pack(flags, request.hops, request.epoch, len(text), body_bytes) + text


def decode_event_head(payload: bytes) -> tuple[RelayRequest, int, int]:
    """The event, the offset of its payload in ``payload``, and the length of the whole payload.

    MalformedRelayError for anything that ``encode_event_head`` does not write.
    """
    try:
        flags, hops, epoch, text_bytes, body_bytes = _EVENT.unpack_from(payload)
        start = EVENT_HEAD_BYTES + text_bytes
        text = payload[EVENT_HEAD_BYTES:start].decode()
        if flags & _JSON:
            return decode_request(text), _check_lengths(payload, start, body_bytes), body_bytes
        request_id, namespace, name, uid, qualifier, trace_id, context, *more = text.split("\0")
    except (struct.error, ValueError) as error:
        raise MalformedRelayError(f"not an event: {error!r}") from error
    version = more[0] if more else ""  # the release before sends none
    _check_lengths(payload, start, body_bytes)
    if not (request_id and namespace and name) or hops > _HOPS_MAX:
        raise MalformedRelayError("a name is missing, or too many hops")
    if (
        max(len(request_id), len(namespace), len(name), len(uid), len(qualifier)) > TEXT_CHARS_MAX
        or len(trace_id) > _TRACE_CHARS_MAX
        or len(context) > _CONTEXT_CHARS_MAX
        or len(version) > TEXT_CHARS_MAX
    ):
        raise MalformedRelayError("a text is too long")
    request = RelayRequest(
        request_id,
        namespace,
        name,
        uid,
        qualifier,
        trace_id,
        context,
        version,
        wants_tail=bool(flags & _TAIL),
        may_repeat=bool(flags & _REPEAT),
        stream=bool(flags & _STREAM),
        epoch=epoch if epoch < EPOCH_MAX else EPOCH_MAX,
        hops=hops,
    )
    return request, start, body_bytes


def _check_lengths(payload: bytes, start: int, body_bytes: int) -> int:
    if start > len(payload) or len(payload) - start > body_bytes:
        raise MalformedRelayError("lengths that do not fit")
    if body_bytes > SYNC_REQUEST_BYTES_MAX:
        raise MalformedRelayError("an event over the limit")
    return start


def encode_outcome_head(outcome: Outcome | ApiError) -> tuple[bytes, bytes]:
    """The head of ``outcome``, and its payload."""
    if isinstance(outcome, Outcome):
        kind = _FUNCTION_ERROR if outcome.function_error else _SUCCESS
        text, body = outcome.tail.encode(), outcome.payload
    else:
        kind = _API_ERROR
        text, body = encode_outcome(outcome)[0].encode(), b""
    return _OUTCOME.pack(kind, len(text), len(body)) + text, body


def measure_outcome(payload: bytes) -> tuple[int, int]:
    """The offset of the payload in an OUTCOME frame, and the length of the whole payload."""
    try:
        _, text_bytes, body_bytes = _OUTCOME.unpack_from(payload)
    except struct.error as error:
        raise MalformedRelayError(f"not an outcome: {error!r}") from error
    start = OUTCOME_HEAD_BYTES + text_bytes
    if start > len(payload):
        raise MalformedRelayError("an outcome that is longer than its frame")
    if body_bytes > RESPONSE_BYTES_MAX:
        raise MalformedRelayError("a reply over the limit")
    return int(start), int(body_bytes)


def decode_outcome_head(head: bytes, body: bytes) -> Outcome | ApiError:
    """What ``encode_outcome_head`` was given; MalformedRelayError for anything else."""
    kind = head[0]
    try:
        text = head[OUTCOME_HEAD_BYTES:].decode()
    except ValueError as error:
        raise MalformedRelayError("not a text") from error
    if kind in (_SUCCESS, _FUNCTION_ERROR):
        return Outcome(body, kind == _FUNCTION_ERROR, text)
    if kind == _API_ERROR and not body:
        outcome = decode_outcome(text, b"")
        if isinstance(outcome, ApiError):
            return outcome
    raise MalformedRelayError("an outcome of an unknown kind")
