"""Heads of HTTP answers.

Contract: the caller's header values hold no line ends; framing and ``Connection`` are added here.
"""

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
    413: "Request Entity Too Large",
    421: "Misdirected Request",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_STATUS_LINES = {
    status: f"HTTP/1.1 {status} {reason}\r\n".encode() for status, reason in REASONS.items()
}


def encode_head(
    status: int,
    headers: list[tuple[str, str]],
    body_bytes: int | None,
    keep_alive: bool,
    *,
    chunked: bool = False,
) -> bytes:
    """Status line, headers and the blank line; for a body of ``body_bytes`` that follows.

    None: its length is not known yet; it ends by its last chunk or with the connection.
    """
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked\r\n")
    elif status != NO_CONTENT and body_bytes is not None:
        lines.append(f"Content-Length: {body_bytes}\r\n")
    if not keep_alive:
        lines.append("Connection: close\r\n")
    return _STATUS_LINES[status] + "".join(lines).encode("latin-1") + b"\r\n"
