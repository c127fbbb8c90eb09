"""The frames of InvokeWithResponseStream: ``application/vnd.amazon.eventstream``.

Contract: pure; bytes that AWS's SDKs accept. Source: spec/lambda.md, section 2.3.
"""

import json
import struct
import zlib

CONTENT_TYPE = "application/vnd.amazon.eventstream"
CHUNK_BYTES_MAX = 1 << 20
"""A buffered response is cut into chunks of this size; a streamed one keeps its own."""
_STRING = 7


def encode_chunk(payload: bytes) -> bytes:
    """A PayloadChunk."""
    return _encode("PayloadChunk", "application/octet-stream", payload)


def encode_complete(
    *, log_result: str = "", error_code: str = "", error_details: str = ""
) -> bytes:
    """The InvokeComplete that ends every stream; members without a value are left out."""
    members = {"ErrorCode": error_code, "ErrorDetails": error_details, "LogResult": log_result}
    text = json.dumps({name: value for name, value in members.items() if value})
    return _encode("InvokeComplete", "application/json", text.encode())


def _encode(event_type: str, content_type: str, payload: bytes) -> bytes:
    headers = (
        _encode_header(":event-type", event_type)
        + _encode_header(":content-type", content_type)
        + _encode_header(":message-type", "event")
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _encode_header(name: str, value: str) -> bytes:
    text = value.encode()
    return bytes([len(name)]) + name.encode() + struct.pack(">BH", _STRING, len(text)) + text
