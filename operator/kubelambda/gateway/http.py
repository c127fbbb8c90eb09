"""HTTP/1.1 of the public listener: a raw asyncio Protocol over httptools.

Contract: hands complete, checked requests to an application, one at a time per connection, and
writes what it answers. Refuses every row of FAULTS section 5 with 400 or 431 and closes; caps the
head, the body and the time of each phase. llhttp lets through a missing or doubled Host, large and
many headers: those checks are made here. Knows nothing of Lambda.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

HEAD_BYTES_MAX = 65_536
HEADER_BYTES_MAX = 16_384
HEADERS_MAX = 100
TARGET_BYTES_MAX = 8_192
PIPELINE_MAX = 16
NO_CONTENT = 204
HEAD_S = 10.0
IDLE_S = 75.0
WRITE_S = 30.0
BODY_S = 10.0
LINGER_S = 2.0
BODY_BYTES_PER_S_MIN = 16_384

REASONS = {
    200: "OK",
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
}
_PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
SINGLE_HEADERS = frozenset({b"host", b"content-length", b"transfer-encoding"})
_STATUS_LINES = {
    status: f"HTTP/1.1 {status} {reason}\r\n".encode() for status, reason in REASONS.items()
}


class RefusedError(Exception):
    """The request breaks a rule: answer ``status`` and close."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True, eq=False)
class Request:
    """One complete request. Header names are lower-case; ``path`` is raw, still encoded."""

    method: bytes
    path: bytes
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes
    connection: "HttpConnection"
    keep_alive: bool
    over_limit: int = 0
    """The limit that the body went over (the body itself was not kept), else 0."""
    gone: bool = False
    """Set when the client has left before it was answered."""
    on_gone: Callable[[], None] | None = None

    def respond(self, status: int, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        """Answer; a second answer, and one to a client that has gone, is dropped."""
        self.connection.respond(self, status, headers, body)

    def announce(self) -> None:
        """Tell the client by an interim ``102 Processing`` that its request has begun to run."""
        self.connection.announce(self)

    def drop(self) -> None:
        """Close the connection without an answer."""
        self.connection.drop(self)


Application = Callable[[Request], None]
BodyLimit = Callable[[bytes, bytes, dict[bytes, bytes]], int]


@dataclass(slots=True)
class Connections:
    """All open connections of a listener: their caps, and the sweep that ends late ones."""

    total_max: int = 10_000
    per_address_max: int = 1_000
    open: set["HttpConnection"] = field(default_factory=set)
    by_address: dict[str, int] = field(default_factory=dict)
    leaving: bool = False
    """Set while the server is about to stop: each answer is the last one of its connection."""
    _emptied: asyncio.Event = field(default_factory=asyncio.Event)

    def admit(self, connection: "HttpConnection", address: str) -> bool:
        """Count ``connection`` in; False where a cap is reached."""
        count = self.by_address.get(address, 0)
        if len(self.open) >= self.total_max or count >= self.per_address_max:
            return False
        self.open.add(connection)
        self.by_address[address] = count + 1
        return True

    def release(self, connection: "HttpConnection", address: str) -> None:
        """Count ``connection`` out."""
        if connection in self.open:
            self.open.discard(connection)
            self.by_address[address] -= 1
            if not self.by_address[address]:
                del self.by_address[address]
            if not self.open:
                self._emptied.set()

    async def wait_closed(self) -> None:
        """Return when no connection is open."""
        while self.open:
            self._emptied.clear()
            await self._emptied.wait()

    def abort(self) -> None:
        """End what is left, answered or not."""
        for connection in list(self.open):
            connection.abort()

    def sweep(self, now: float) -> None:
        """End the connections whose phase has taken too long."""
        for connection in [one for one in self.open if now > one.deadline]:
            connection.expire()


class HttpConnection(asyncio.Protocol):
    """One client connection: parses, queues what is pipelined, writes answers in order."""

    def __init__(
        self, application: Application, body_limit: BodyLimit, connections: Connections
    ) -> None:
        self._application = application
        self._body_limit = body_limit
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._in_head = False
        self._head_bytes = 0
        self._closing = False
        self._last_request = False
        self.deadline = self._loop.time() + HEAD_S
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._body_max = 0
        self._over_limit = 0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        if not self._connections.admit(self, self._address):
            self._fail(503, "too many connections")

    def connection_lost(self, error: Exception | None) -> None:
        """The client has gone; whoever works for it is told so."""
        self._connections.release(self, self._address)
        self._closing = True
        abandoned = [self._current, *self._queue]
        self._current = None
        self._queue.clear()
        for request in abandoned:
            if request is not None:
                request.gone = True
                if request.on_gone is not None:
                    request.on_gone()

    def eof_received(self) -> bool:
        """A half-closed client still gets the answers it waits for (TLS has no half-closed)."""
        self._last_request = True
        is_half_open = self._transport is not None and self._transport.can_write_eof()
        return is_half_open and self._current is not None

    def data_received(self, data: bytes) -> None:
        """Parse; refuse and close at the first broken rule."""
        if self._closing or self._last_request:
            return
        try:
            self._count_head(data)
            self._parser.feed_data(data)
            self._check_head()
        except RefusedError as refusal:
            self._fail(refusal.status, str(refusal))
        except httptools.HttpParserCallbackError as error:
            refused = error.__context__
            if not isinstance(refused, RefusedError):
                raise
            self._fail(refused.status, str(refused))
        except (httptools.HttpParserUpgrade, httptools.HttpParserError):
            self._fail(400, "malformed request")

    def pause_writing(self) -> None:
        """The client reads slowly: it has WRITE_S to catch up."""
        self.deadline = self._loop.time() + WRITE_S

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.deadline = self._loop.time() + IDLE_S

    # httptools

    def on_message_begin(self) -> None:
        """A request line is coming."""
        self._in_head = True
        self._clear()

    def on_url(self, url: bytes) -> None:
        """Part of the request target."""
        self._target += url
        if len(self._target) > TARGET_BYTES_MAX:
            raise RefusedError(431, "the request target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; doubled ones that decide about framing or routing are refused."""
        if len(name) + len(value) > HEADER_BYTES_MAX:
            raise RefusedError(431, "a header is too large")
        if len(self._headers) >= HEADERS_MAX:
            raise RefusedError(431, "too many headers")
        lowered = name.lower()
        if lowered in self._headers and lowered in SINGLE_HEADERS:
            raise RefusedError(400, "a header occurs twice")
        self._headers[lowered] = value

    def on_headers_complete(self) -> None:
        """Decide whether the body is wanted before any of it is kept."""
        headers = self._headers
        if not headers.get(b"host") and self._parser.get_http_version() == "1.1":
            raise RefusedError(400, "Host is missing")
        self._in_head = False
        self._head_bytes = 0
        path = self._target.partition(b"?")[0]
        self._body_max = self._body_limit(self._parser.get_method(), path, headers)
        length = headers.get(b"content-length", b"")
        announced = int(length) if length.isdigit() else 0
        self.deadline = self._loop.time() + BODY_S + self._body_max / BODY_BYTES_PER_S_MIN
        if announced > self._body_max:
            self._refuse_body()
        elif headers.get(b"expect", b"").lower() == b"100-continue":
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body, counted against its limit."""
        if self._over_limit:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self._body_max:
            self._refuse_body()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The whole request is here."""
        if not self._over_limit:
            self._enqueue()

    # answers

    def respond(
        self, request: Request, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        """Write the answer to the request that is being served; begin the next one."""
        if request is not self._current or self._closing:
            return
        self._current = None
        is_last = (self._last_request or self._connections.leaving) and not self._queue
        keep_alive = request.keep_alive and not request.over_limit and not is_last
        self._write(_encode_head(status, headers, len(body), keep_alive) + body)
        if request.over_limit:
            self._close_lingering()
            return
        if not keep_alive:
            self._close()
            return
        self.deadline = self._loop.time() + IDLE_S
        self._serve_next()

    def announce(self, request: Request) -> None:
        """Write the interim answer to the request that is being served."""
        if request is self._current and not self._closing:
            self._write(_PROCESSING)

    def drop(self, request: Request) -> None:
        """Close at once, without the answer to the request that is being served."""
        if request is self._current and self._transport is not None:
            self._transport.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def finish(self) -> None:
        """The server is stopping: close now if idle, else after the answers that are owed."""
        self._last_request = True
        if self._current is None:
            self._close()

    def expire(self) -> None:
        """A phase took too long. A request that is being served has no deadline here."""
        if self._transport is None:
            return
        if self._closing or self._transport.get_write_buffer_size():
            self._closing = True
            self._transport.abort()
        elif self._current is not None:
            self.deadline = self._loop.time() + IDLE_S
        elif (self._in_head and self._head_bytes) or self._body_max:
            self._fail(408, "the request did not arrive in time")
        else:
            self._close()

    def _count_head(self, data: bytes) -> None:
        if not self._in_head and not self._body_max:
            self.deadline = self._loop.time() + HEAD_S
            self._in_head = True
        if self._in_head:
            self._head_bytes += len(data)

    def _check_head(self) -> None:
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            raise RefusedError(431, "the request's head is too large")

    def _refuse_body(self) -> None:
        self._over_limit = self._body_max
        self._body.clear()
        self._enqueue()
        self._last_request = True

    def _enqueue(self) -> None:
        path, _, query = self._target.partition(b"?")
        request = Request(
            method=self._parser.get_method(),
            path=path,
            query=query,
            headers=self._headers,
            body=b"".join(self._body) if len(self._body) != 1 else self._body[0],
            connection=self,
            keep_alive=self._parser.should_keep_alive(),
            over_limit=self._over_limit,
        )
        self._body = []
        self._body_max = 0
        if len(self._queue) >= PIPELINE_MAX:
            raise RefusedError(400, "too many pipelined requests")
        self._queue.append(request)
        self._serve_next()

    def _serve_next(self) -> None:
        if self._current is None and self._queue:
            self._current = self._queue.popleft()
            self._application(self._current)

    def _fail(self, status: int, reason: str) -> None:
        if self._closing:
            return
        body = reason.encode() + b"\n"
        self._write(_encode_head(status, [("Content-Type", "text/plain")], len(body), False) + body)
        self._close_lingering()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _close_lingering(self) -> None:
        """Close, but go on reading for a moment: unread bytes would reset what was answered."""
        self._closing = True
        self.deadline = self._loop.time() + LINGER_S
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _close(self) -> None:
        self._closing = True
        self.deadline = self._loop.time() + WRITE_S
        if self._transport is not None:
            self._transport.close()


def _encode_head(
    status: int, headers: list[tuple[str, str]], body_bytes: int, keep_alive: bool
) -> bytes:
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    if status != NO_CONTENT:
        lines.append(f"Content-Length: {body_bytes}\r\n")
    if not keep_alive:
        lines.append("Connection: close\r\n")
    return _STATUS_LINES[status] + "".join(lines).encode("latin-1") + b"\r\n"
