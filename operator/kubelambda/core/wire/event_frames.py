"""The frames of one event as they look when nothing is unusual: written by a template, read whole.

Contract: pure; docs/link.md, section 5. A JSON encoder and four JSON decodings are a fifth of what
an event costs a gateway, while nearly all frames differ in an id and three numbers only.
``encode_invoke`` writes the very bytes that ``frames.encode_control`` would. The ``is_plain_*``
functions know a frame that our own agent writes for an event that went well, byte by byte; what
they do not know is no error, but is to be read by ``frames.decode_control``. Whatever they know,
that would read the same way (tests/unit/core/wire/test_event_frames.py).
"""

import re
from json.encoder import encode_basestring_ascii

from kubelambda.core.wire.frames import FrameType, encode_header

_RESPONSE = (
    b',"functionError":false,"errorType":"","mode":"buffered","contentType":"application/json"}'
)
_END = b"}"
_NUMBER = rb"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?"
"""Always below the least of the bounds of ``checked_values``, 10^9."""
_IDLE = re.compile(
    rb',"status":"success","errorType":"","durationMs":%b,"billedMs":%b,"maxMemoryMB":%b'
    rb'(?:,"initMs":%b)?\}' % (_NUMBER, _NUMBER, _NUMBER, _NUMBER)
)
_INVOKE = int(FrameType.INVOKE)


def encode_beginning(request_id: str) -> bytes:
    """What each frame begins with that names the event ``request_id``: invoke, and our agent's."""
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
    """The invoke frame of the event of this ``beginning``."""
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
    """Whether it is the head of a buffered JSON response to the event of this ``beginning``."""
    return payload == beginning + _RESPONSE


def is_plain_end(payload: bytes, beginning: bytes) -> bool:
    """Whether it says that the response to that event is complete, and nothing more."""
    return payload == beginning + _END


def is_plain_idle(payload: bytes, beginning: bytes) -> bool:
    """Whether it says that that event went well, without a log tail, with numbers in bounds."""
    return payload.startswith(beginning) and bool(_IDLE.fullmatch(payload, len(beginning)))
