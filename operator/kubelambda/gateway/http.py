"""HTTP/1.1 of the public listener: a raw asyncio Protocol over httptools.

Contract: hands complete, checked requests to an application, one at a time per connection, and
writes what it answers. Refuses every row of FAULTS section 5 with 400 or 431 and closes; caps the
head, the body and the time of each phase (``gateway.connections``), and reads no further while a
client does not take its answers or has another request waiting. llhttp lets through a missing or
doubled Host, large and many headers: those checks are made here. Trailers are passed over, offers
to change protocols are refused. Knows nothing of Lambda.
"""

import asyncio
import contextlib
import fcntl
import sys
import termios
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from kubelambda.gateway.answer_head import encode_head
from kubelambda.gateway.connections import Connections
from kubelambda.gateway.request import Request

HEAD_BYTES_MAX = 65_536
HEADER_BYTES_MAX = 16_384
HEADERS_MAX = 100
TARGET_BYTES_MAX = 8_192
PIPELINE_MAX = 16

_PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
SINGLE_HEADERS = frozenset({b"host", b"content-length", b"transfer-encoding"})


class RefusedError(Exception):
    """The request breaks a rule: answer ``status`` and close."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


Application = Callable[[Request], None]
BodyLimit = Callable[[bytes, bytes, dict[bytes, bytes]], int]


class HttpConnection(asyncio.Protocol):
    """One client connection: parses, queues what is pipelined, writes answers in order."""

    def __init__(
        self, application: Application, body_limit: BodyLimit, connections: Connections
    ) -> None:
        self._application = application
        self._body_limit = body_limit
        self._connections = connections
        self._limits = connections.limits
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._in_head = False
        self._head_bytes = 0
        self._held_bytes = 0
        self._unread_bytes = 0
        self._writing_paused = False
        self._chunked = False
        self._keep_alive = False
        self._reading_paused = False
        self._closing = False
        self._last_request = False
        self.deadline = self._loop.time() + self._limits.head_s
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: bytes | bytearray = b""
        self._body_bytes = 0
        self._body_max = 0
        self._body_began = 0.0
        self._framing_bytes = 0
        self._over_limit = 0

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        if not self._connections.admit(self, self._address):
            # Not counted, so nothing would end it later.
            self._write_refusal(503, "too many connections")
            self._closing = True
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The client has gone; whoever works for it is told so."""
        self._connections.release(self, self._address)
        self._let_go(self._held_bytes)
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
            body_bytes, body_began = self._body_bytes, self._body_began
            self._parser.feed_data(data)
            self._check_head()
            if self._body_max and (body_bytes, body_began) == (self._body_bytes, self._body_began):
                self._count_framing(len(data))
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
        """The client reads slowly: no more is read from it, and nothing more is done for it."""
        self._writing_paused = True
        self._begin_writing()
        self._pace_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writing_paused = False
        if self._closing:
            return
        self._rest()
        current = self._current
        if current is not None and current.on_writable is not None:
            current.on_writable()
        self._serve_next()

    # httptools

    def on_message_begin(self) -> None:
        """A request line is coming."""
        if not self._in_head:
            self._begin_head()
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
        if not self._in_head:
            return  # a trailer: what it might say was decided by the head
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
        if self._parser.should_upgrade():
            # The parser would take the body for the beginning of what comes after it.
            raise RefusedError(400, "only HTTP/1.1 is spoken here")
        self._in_head = False
        self._head_bytes = 0
        path = self._target.partition(b"?")[0]
        self._body_max = self._body_limit(self._parser.get_method(), path, headers)
        length = headers.get(b"content-length", b"")
        announced = int(length) if length.isdigit() else 0
        self._body_began = self._loop.time()
        self.deadline = self._body_began + self._limits.body_s
        if announced > self._body_max:
            self._refuse_body()
        elif headers.get(b"expect", b"").lower() == b"100-continue":
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body, counted against its limit and against that of all bodies."""
        if self._over_limit:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self._body_max:
            self._refuse_body()
            return
        if not self._connections.hold(len(body)):
            raise RefusedError(503, "too many requests are being received")
        self._held_bytes += len(body)
        self.deadline = self._body_began + self._limits.allow(self._body_bytes)
        self._framing_bytes = 0
        if not self._body:
            self._body = body  # as a rule the only part
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += body

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
        self._let_go(len(request.body))
        keep_alive = self._may_stay(request)
        self._write(encode_head(status, headers, len(body), keep_alive) + body)
        self._complete(request, keep_alive)

    def begin(
        self, request: Request, status: int, headers: list[tuple[str, str]], length: int | None
    ) -> None:
        """Write the head of an answer that comes in parts; the next request waits for its end."""
        if request is not self._current or self._closing:
            return
        self._let_go(len(request.body))
        request.body = b""
        self._chunked = length is None and request.http_version != "1.0"
        self._keep_alive = self._may_stay(request) and (self._chunked or length is not None)
        self._write(encode_head(status, headers, length, self._keep_alive, chunked=self._chunked))

    def send(self, request: Request, data: bytes) -> bool:
        """Write a part; whether the client takes more."""
        if request is not self._current or self._closing:
            return False
        if data:
            self._write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        return not self._writing_paused

    def end(self, request: Request) -> None:
        """Write what ends the answer; begin the next request."""
        if request is not self._current or self._closing:
            return
        if self._chunked:
            self._write(b"0\r\n\r\n")
        self._complete(request, self._keep_alive)

    def _may_stay(self, request: Request) -> bool:
        is_last = (self._last_request or self._connections.leaving) and not self._queue
        return request.keep_alive and not request.over_limit and not is_last

    def _complete(self, request: Request, keep_alive: bool) -> None:
        self._current = None
        if request.over_limit:
            self._close_lingering()
        elif not keep_alive:
            self._close()
        elif not self._writing_paused:
            self._rest()
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
        if self._is_being_read():
            self._begin_writing()
        elif self._closing or self._transport.get_write_buffer_size():
            self._closing = True
            self._transport.abort()
        elif self._current is not None:
            self.deadline = self._loop.time() + self._limits.idle_s
        elif self._is_in_request():
            self._fail(408, "the request did not arrive in time")
        else:
            self._close()

    def _is_in_request(self) -> bool:
        return self._in_head or self._body_max > 0

    def _is_being_read(self) -> bool:
        """Whether the client has read fast enough since ``_begin_writing``, and more is left."""
        if self._transport is None or not self._transport.get_write_buffer_size():
            return False
        return _count_unread(self._transport) <= self._unread_bytes - self._limits.least_read()

    def _begin_writing(self) -> None:
        self.deadline = self._loop.time() + self._limits.write_s
        if self._transport is not None:
            self._unread_bytes = _count_unread(self._transport)

    def _rest(self) -> None:
        """Nothing is owed: what the client is in the middle of sending has a time of its own."""
        in_request = self._is_in_request()
        self.deadline = self._loop.time() + (
            self._limits.head_s if in_request else self._limits.idle_s
        )

    def _begin_head(self) -> None:
        self._in_head = True
        self.deadline = self._loop.time() + self._limits.head_s

    def _count_head(self, data: bytes) -> None:
        if not self._is_in_request():
            self._begin_head()
        if self._in_head:
            self._head_bytes += len(data)

    def _check_head(self) -> None:
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            raise RefusedError(431, "the request's head is too large")

    def _count_framing(self, count: int) -> None:
        """Extensions of chunks, and trailers, which the parser keeps until they end."""
        self._framing_bytes += count
        if self._framing_bytes > HEAD_BYTES_MAX:
            raise RefusedError(431, "too much between the chunks of the body")

    def _refuse_body(self) -> None:
        self._over_limit = self._body_max
        self._let_go(len(self._body))
        self._body = b""
        self._enqueue()
        self._last_request = True

    def _let_go(self, count: int) -> None:
        self._held_bytes -= count
        self._connections.let_go(count)

    def _enqueue(self) -> None:
        path, _, query = self._target.partition(b"?")
        request = Request(
            method=self._parser.get_method(),
            path=path,
            query=query,
            headers=self._headers,
            body=bytes(self._body),
            connection=self,
            keep_alive=self._parser.should_keep_alive(),
            over_limit=self._over_limit,
            http_version=self._parser.get_http_version(),
        )
        self._body = b""
        self._body_max = 0
        if len(self._queue) >= PIPELINE_MAX:
            raise RefusedError(400, "too many pipelined requests")
        self._queue.append(request)
        self._serve_next()

    def _serve_next(self) -> None:
        if self._current is None and self._queue and not self._writing_paused:
            self._current = self._queue.popleft()
            self._application(self._current)
        self._pace_reading()

    def _pace_reading(self) -> None:
        transport = self._transport
        pause = not self._closing and (self._writing_paused or bool(self._queue))
        if pause == self._reading_paused or transport is None or transport.is_closing():
            return
        self._reading_paused = pause
        if pause:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def _fail(self, status: int, reason: str) -> None:
        if not self._closing:
            self._write_refusal(status, reason)
            self._close_lingering()

    def _write_refusal(self, status: int, reason: str) -> None:
        body = reason.encode() + b"\n"
        self._write(encode_head(status, [("Content-Type", "text/plain")], len(body), False) + body)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _close_lingering(self) -> None:
        """Close, but go on reading for a moment: unread bytes would reset what was answered."""
        self._closing = True
        self.deadline = self._loop.time() + self._limits.linger_s
        self._pace_reading()
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _close(self) -> None:
        self._closing = True
        self._begin_writing()
        if self._transport is not None:
            self._transport.close()


def _count_unread(transport: asyncio.Transport) -> int:
    """Bytes that the client has not taken; the kernel's share moves long before the transport's."""
    queued = bytearray(4)
    sock = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, ValueError):
        fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, queued)
    return transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)
