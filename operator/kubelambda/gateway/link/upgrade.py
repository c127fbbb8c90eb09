"""The first bytes of a connection to the internal listener: the link's upgrade, or something else.

Contract: pure; docs/link.md, section 1. The same port serves the link and plain HTTP.
"""

import enum

from kubelambda.core.wire.frames import ProtocolError

UPGRADE_BYTES_MAX = 4_096
SWITCHING_PROTOCOLS = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: kubelambda-link/1\r\n\r\n"
)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_PREFIX = b"GET /link"
_HEAD_END = b"\r\n\r\n"


class Opening(enum.Enum):
    """What a peer opened its connection with."""

    INCOMPLETE = enum.auto()
    """Perhaps the link's upgrade; the rest of its head is missing."""
    HTTP = enum.auto()
    """An HTTP request that has nothing to do with the link."""
    LINK = enum.auto()
    UNKNOWN_LINK = enum.auto()
    """A link of a version that this release does not speak."""


def classify_opening(received: bytes) -> Opening:
    """Classify all that has been received; ProtocolError if the upgrade's head is too long."""
    if not received.startswith(_PREFIX[: len(received)]):
        return Opening.HTTP
    head, end, _ = received.partition(_HEAD_END)
    if not end:
        if len(received) > UPGRADE_BYTES_MAX:
            raise ProtocolError("the upgrade request is too long")
        return Opening.INCOMPLETE
    lines = head.lower().split(b"\r\n")
    if lines[0] != b"get /link/v1 http/1.1" or b"upgrade: kubelambda-link/1" not in lines:
        return Opening.UNKNOWN_LINK
    return Opening.LINK


def skip_head(received: bytes) -> bytes:
    """What follows the head of the upgrade: the first frames."""
    return received.partition(_HEAD_END)[2]
