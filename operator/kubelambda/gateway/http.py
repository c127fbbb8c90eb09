"""HTTP/1.1 of a listener: one client connection over a raw asyncio Protocol.

Contract: hands complete, checked requests (``gateway.request_reader``) to an application, one at a
time, and writes what it answers, in order. Holds the time of each phase (``gateway.connections``),
and reads no further while a client does not take its answers or has another request waiting.
Answers a refused request by its status and closes. Knows nothing of Lambda.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from kubelambda.core.client_limits import IDLE_S, REFUSED_S
from kubelambda.gateway.answer_head import encode_head
from kubelambda.gateway.connections import Connections
from kubelambda.gateway.outbox import Outbox
from kubelambda.gateway.request import Request
from kubelambda.gateway.request_reader import BodyLimit, RefusedError, RequestReader

PIPELINE_MAX = 16
JOINED_BYTES_MAX = 65_536
"""A body up to this is copied behind its head: one system call less."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
Application = Callable[[Request], None]


class HttpConnection(asyncio.Protocol):
    """One client connection: parses, queues what is pipelined, writes answers in order."""

    def __init__(
        self, application: Application, body_limit: BodyLimit, connections: Connections
    ) -> None:
        self._application = application
        self._connections = connections
        self._limits = connections.limits
        self._loop = asyncio.get_running_loop()
        self._reader = RequestReader(self, body_limit, connections.limits)
        self._transport: asyncio.Transport | None = None
        self._address: str | None = None
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._held_bytes = 0
        self._unread_bytes = 0
        self._outbox = Outbox(connections.answers, self._make_room)
        self._chunked = False
        self._keep_alive = False
        self._reading_paused = False
        self._closing = False
        self._last_request = False
        self.deadline = self._loop.time() + self._limits.head_timeout_s

    def admit(self, address: str) -> bool:
        """Count it in, before it is made where that takes time; False where a cap is reached."""
        self._address = address
        return self._connections.admit(self, address)

    def release(self) -> None:
        """Count it out; by itself once it has been made."""
        self._connections.release(self, self._address or "")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast("asyncio.Transport", transport)
        self._outbox.open(self._transport)
        peer = transport.get_extra_info("peername")
        if self._address is None and not self.admit(str(peer[0]) if peer else ""):
            # Not counted, so nothing would end it later.
            self._write_refusal(503, "too many connections")
            self._closing = True
        if self._closing:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The client has gone; whoever works for it is told so."""
        self.release()
        self._outbox.clear()
        self.let_go(self._held_bytes)
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
        if self._transport is None or not self._transport.can_write_eof():
            self._outbox.hand_over()
            return False
        if self._current is None:
            self._close()
        return True

    def data_received(self, data: bytes) -> None:
        """Parse; refuse and close at the first broken rule."""
        if self._closing or self._last_request:
            return
        try:
            self._reader.feed(data)
        except RefusedError as refusal:
            self._fail(refusal.status, refusal.reason)

    def pause_writing(self) -> None:
        """The client reads slowly: no more is read from it, and nothing more is done for it."""
        if self._outbox.pause():
            self._begin_writing()
        self._pace_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._outbox.resume()
        if self._closing or self._outbox.is_paused:
            return
        self._rest()
        current = self._current
        if current is not None and current.on_writable is not None:
            current.on_writable()
        self._serve_next()

    # request_reader.Receiver

    def hold(self, count: int) -> bool:
        """Count bytes of a body in."""
        if not self._connections.hold(count):
            return False
        self._held_bytes += count
        return True

    def let_go(self, count: int) -> None:
        """Count bytes out that were held."""
        self._held_bytes -= count
        self._connections.let_go(count)

    def invite_body(self) -> None:
        """Write the interim answer that a client with ``Expect`` waits for."""
        self._outbox.write(_CONTINUE)

    def receive(self, request: Request) -> None:
        """Queue a request, and begin it if it is the only one."""
        if len(self._queue) >= PIPELINE_MAX:
            raise RefusedError(400, "too many pipelined requests")
        self._queue.append(request)
        self._serve_next()
        if request.over_limit:
            self._last_request = True

    # answers

    def respond(
        self, request: Request, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        """Write the answer to the request that is being served; begin the next one."""
        if request is not self._current or self._closing:
            return
        self.let_go(len(request.body))
        keep_alive = self._may_stay(request)
        head = encode_head(status, headers, len(body), keep_alive)
        if len(body) <= JOINED_BYTES_MAX:
            self._outbox.write(head + body)
        else:
            self._outbox.write(head)
            self._outbox.write(body)
        self._complete(request, keep_alive)

    def begin(
        self, request: Request, status: int, headers: list[tuple[str, str]], length: int | None
    ) -> None:
        """Write the head of an answer that comes in parts; the next request waits for its end."""
        if request is not self._current or self._closing:
            return
        self.let_go(len(request.body))
        request.body = b""
        self._chunked = length is None and request.http_version != "1.0"
        self._keep_alive = self._may_stay(request) and (self._chunked or length is not None)
        self._outbox.write(
            encode_head(status, headers, length, self._keep_alive, chunked=self._chunked)
        )

    def send(self, request: Request, data: bytes) -> bool:
        """Write a part; whether the client takes more."""
        if request is not self._current or self._closing:
            return False
        if data:
            self._outbox.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        return not self._outbox.is_paused

    def end(self, request: Request) -> None:
        """Write what ends the answer; begin the next request."""
        if request is not self._current or self._closing:
            return
        if self._chunked:
            self._outbox.write(b"0\r\n\r\n")
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
        elif not (self._closing or self._outbox.is_paused):
            self._rest()
            self._serve_next()

    def announce(self, request: Request) -> None:
        """Write the interim answer to the request that is being served."""
        if request is self._current and not self._closing:
            self._outbox.write(_PROCESSING)

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
        elif not self._outbox.is_empty:
            self._connections.on_cut("pace")
            self._cut()
        elif self._closing:
            self._transport.abort()
        elif self._current is not None:
            self.deadline = self._loop.time() + IDLE_S
        elif self._reader.is_in_request:
            self._fail(408, "the request did not arrive in time")
        else:
            self._close()

    def _is_being_read(self) -> bool:
        """Whether the client has read fast enough since ``_begin_writing``, and more is left."""
        if self._outbox.is_empty:
            return False
        return self._outbox.count_unread() <= self._unread_bytes - self._limits.least_read()

    def _make_room(self) -> None:
        self._connections.on_cut("room")
        self._cut()

    def _cut(self) -> None:
        self._closing = True
        self.abort()

    def _begin_writing(self) -> None:
        self.deadline = self._loop.time() + self._limits.write_timeout_s
        self._unread_bytes = self._outbox.count_unread()

    def _rest(self) -> None:
        """Nothing is owed: what the client is in the middle of sending has a time of its own."""
        in_request = self._reader.is_in_request
        self.deadline = self._loop.time() + (self._limits.head_timeout_s if in_request else IDLE_S)

    def _serve_next(self) -> None:
        if self._current is None and self._queue and not (self._closing or self._outbox.is_paused):
            self._current = self._queue.popleft()
            self._application(self._current)
        self._pace_reading()

    def _pace_reading(self) -> None:
        transport = self._transport
        pause = not self._closing and (self._outbox.is_paused or bool(self._queue))
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
        self._outbox.write(
            encode_head(status, [("Content-Type", "text/plain")], len(body), False) + body
        )

    def _close_lingering(self) -> None:
        """Close, but go on reading for a moment: unread bytes would reset what was answered."""
        self._closing = True
        self.deadline = self._loop.time() + REFUSED_S
        self._pace_reading()
        self._outbox.finish(self._end_writing)

    def _end_writing(self) -> None:
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
            self._outbox.finish(self._transport.close)
