"""The frames of an ordinary event without JSON: written from templates, recognised by their bytes.

Contract: pure; docs/link.md, section 5. Encoding JSON once and decoding it four times is a fifth of
what an event costs a gateway, although nearly all frames differ only in an id and three numbers.
``encode_invoke`` writes exactly the bytes that ``frames.encode_control`` would. The ``is_plain_*``
functions recognise, byte by byte, what our own agent writes for a successful event. A frame that
they do not recognise is not an error: it is for ``frames.decode_control``, which would also give
the same result for every frame that they do recognise (tests/unit/core/wire/test_event_frames.py).
"""

import re
from json.encoder import encode_basestring_ascii

from kubelambda.core.wire.frames import FrameType, encode_header

_RESPONSE = (
    b',"functionError":false,"errorType":"","mode":"buffered","contentType":"application/json"}'
)
_END = b"}"
_NUMBER = rb"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?"
"""Always less than 10^9, the smallest maximum in ``checked_values``."""
_IDLE = re.compile(
    rb',"status":"success","errorType":"","durationMs":%b,"billedMs":%b,"maxMemoryMB":%b'
    rb'(?:,"initMs":%b)?\}' % (_NUMBER, _NUMBER, _NUMBER, _NUMBER)
)
_INVOKE = int(FrameType.INVOKE)


def encode_beginning(request_id: str) -> bytes:
    """How every frame that names the event ``request_id`` begins: invoke and our agent's frames."""
    return b'{"requestId":' + encode_basestring_ascii(request_id).encode()


def encode_invoke(
    beginning: bytes,
    *,
    timeout_ms: int,
    invoked_arn: str,
    trace_id: str,
    client_context: str,
    tail: bool,
    stream: bool,
    content_length: int,
) -> bytes:
    """The invoke frame of the event whose frames start with ``beginning``."""
    quote = encode_basestring_ascii
    rest = (
        f',"timeoutMs":{timeout_ms},'
        f'"invokedArn":{quote(invoked_arn)},"traceId":{quote(trace_id)},'
        f'"clientContext":{quote(client_context)},"cognitoIdentity":"",'
        f'"tail":{"true" if tail else "false"},"stream":{"true" if stream else "false"},'
        f'"contentLength":{content_length}}}'
    ).encode()
    return encode_header(_INVOKE, len(beginning) + len(rest)) + beginning + rest


def is_plain_response(payload: bytes, beginning: bytes) -> bool:
    """Whether it is the head of a buffered JSON response to the event of ``beginning``."""
    return payload == beginning + _RESPONSE


def is_plain_end(payload: bytes, beginning: bytes) -> bool:
    """Whether it says that the response to that event is complete, and nothing else."""
    return payload == beginning + _END


def is_plain_idle(payload: bytes, beginning: bytes) -> bool:
    """Whether it says that the event succeeded, has no log tail, and has numbers within bounds."""
    return payload.startswith(beginning) and bool(_IDLE.fullmatch(payload, len(beginning)))
