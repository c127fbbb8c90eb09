"""The bytes of an HTTP answer: its head, and its body, framed so that the client finds its end.

Contract: pure. The caller's header values contain no line ends; framing and ``Connection`` are
added here. An answer has exactly as many bytes as its head announced. ``AnswerLengthError`` says
that it no longer can; then only closing the connection tells the client that it is incomplete.
"""

from dataclasses import dataclass

Headers = list[tuple[str, str]] | str
"""Names and values; or, from callers that build them as one text, lines that each end in CR LF."""
NO_CONTENT = 204
REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
LAST_CHUNK = b"0\r\n\r\n"
_STATUS_LINES = {status: f"HTTP/1.1 {status} {reason}\r\n" for status, reason in REASONS.items()}


class AnswerLengthError(Exception):
    """An answer has more or fewer bytes than its head announced."""


def encode_head(
    status: int,
    headers: Headers,
    body_bytes: int | None,
    keep_alive: bool,
    *,
    chunked: bool = False,
) -> bytes:
    """Status line, headers and the blank line; for a body of ``body_bytes`` that follows.

    None: its length is not known yet; it ends by its last chunk or with the connection.
    """
    lines = headers if isinstance(headers, str) else write_lines(headers)
    if chunked:
        lines += "Transfer-Encoding: chunked\r\n"
    elif status != NO_CONTENT and body_bytes is not None:
        lines += f"Content-Length: {body_bytes}\r\n"
    if not keep_alive:
        lines += "Connection: close\r\n"
    return f"{_STATUS_LINES[status]}{lines}\r\n".encode("latin-1")


def write_lines(headers: list[tuple[str, str]]) -> str:
    """The lines of a head."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


def may_have_body(method: bytes, status: int) -> bool:
    """Whether a client reads a body after this head."""
    return method != b"HEAD" and status != NO_CONTENT


@dataclass(slots=True)
class AnswerBody:
    """An answer that comes in parts."""

    keep_alive: bool
    chunked: bool
    left_bytes: int | None
    """What is missing of the announced length; None if none was announced."""
    is_sent: bool = True
    """False if the client reads no body, whatever the head says."""

    def encode(self, data: bytes) -> bytes:
        """The bytes on the wire for one part."""
        if not data or not self.is_sent:
            return b""
        if self.left_bytes is not None:
            self.left_bytes -= len(data)
            if self.left_bytes < 0:
                raise AnswerLengthError("an answer is longer than its Content-Length")
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    def encode_end(self) -> bytes:
        """The bytes that end the answer."""
        if self.left_bytes and self.is_sent:
            raise AnswerLengthError("an answer is shorter than its Content-Length")
        return LAST_CHUNK if self.chunked and self.is_sent else b""
