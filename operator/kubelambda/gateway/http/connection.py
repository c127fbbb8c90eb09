"""HTTP/1.1 of a listener: one client connection over a raw asyncio Protocol.

Contract: hands complete, checked requests (``gateway.http.request_reader``) to an application, one
at a time, and writes what it answers: one answer for each request, in order, refusals and interim
answers included. Holds the time of each phase (``gateway.http.client_connections``), and reads no
further while a client does not take its answers or has another request waiting. Answers a refused
request by its status and closes. What an application raises ends one request, by ``on_failure``.
Knows nothing of Lambda.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import cast

from kubelambda.core.capacity.client_limits import IDLE_S, REFUSED_S
from kubelambda.gateway.http.answer_body import AnswerBody, OutOfStepError, may_have_body
from kubelambda.gateway.http.answer_head import encode_head
from kubelambda.gateway.http.body_budget import HeldBody
from kubelambda.gateway.http.client_connections import Connections
from kubelambda.gateway.http.outbox import Outbox
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.http.request_reader import GetBodyRule, RefusedError, RequestReader
from kubelambda.gateway.http.spool import Spool

logger = logging.getLogger(__name__)

PIPELINE_MAX = 16
JOINED_BYTES_MAX = 65_536
"""A body up to this is copied behind its head: one system call less."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
Application = Callable[[Request], None]
OnFailure = Callable[[Request], None]
"""Answers a request whose application raised."""


class HttpConnection(asyncio.Protocol):
    """One client connection: parses, queues what is pipelined, writes answers in order."""

    def __init__(
        self,
        application: Application,
        get_rule: GetBodyRule,
        connections: Connections,
        on_failure: OnFailure,
        *,
        keeps_half_closed: bool = True,
    ) -> None:
        """Without ``keeps_half_closed`` a client that ends its side has gone."""
        self._application = application
        self._keeps_half_closed = keeps_half_closed
        self._on_failure = on_failure
        self._connections = connections
        self._limits = connections.limits
        self._loop = asyncio.get_running_loop()
        self._reader = RequestReader(self, get_rule, connections.limits)
        self._transport: asyncio.Transport | None = None
        self._address: str | None = None
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._answer: AnswerBody | None = None
        """Of the current request, once its answer has begun in parts."""
        self._refusal: tuple[int, str] | None = None
        """What follows the answers that are owed, and ends the connection."""
        self._owes_invitation = False
        self._unread_bytes = 0
        self._outbox = Outbox(connections.answers, self._make_room)
        self._reading_paused = False
        self._closing = False
        self._last_request = False
        self._phase_deadline = self._loop.time() + self._limits.head_timeout_s

    @property
    def deadline(self) -> float:
        """When this phase, or the request that is coming, has taken too long."""
        if self._closing or self._reading_paused or self._owes_invitation:
            return self._phase_deadline
        return min(self._phase_deadline, self._reader.deadline)

    def count_in(self, address: str) -> bool:
        """Count it in, before it is made where that takes time; False where a cap is reached."""
        self._address = address
        return self._connections.count_in(self, address)

    def count_out(self) -> None:
        """Count it out; by itself once it has been made."""
        self._connections.count_out(self, self._address or "")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast("asyncio.Transport", transport)
        self._outbox.open(self._transport)
        peer = transport.get_extra_info("peername")
        if self._address is None and not self.count_in(str(peer[0]) if peer else ""):
            # Not counted, so nothing would end it later.
            self._write_refusal(503, "too many connections")
            self._closing = True
        if self._closing:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The client has gone; whoever works for it is told so."""
        self.count_out()
        self._outbox.clear()
        self._reader.stop()
        self._closing = True
        current, self._current = self._current, None
        for request in self._queue:
            request.gone = True
            request.release()
        self._queue.clear()
        if current is not None:
            current.gone = True
            if current.upload is None:
                current.release()  # an upload is being stored, and still needs its file
            self._notify(current, current.on_gone)

    def eof_received(self) -> bool:
        """A half-closed client still gets the answers it waits for (TLS has no half-closed)."""
        self._last_request = True
        if not self._keeps_half_closed:
            return False
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
        except Exception:
            logger.exception("a request from %s cannot be read", self._address)
            self._fail(500, "the request cannot be read")
        self._pace_reading()

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
        if current is not None:
            self._notify(current, current.on_writable)
        self._serve_next()

    # request_reader.Receiver

    def open_account(self, *, is_upload: bool, is_small: bool) -> HeldBody:
        """Count the bytes of a body by its kind and this client's address."""
        budget = self._connections.uploads if is_upload else self._connections.payloads
        return HeldBody(budget, self._address or "", is_small)

    def open_spool(self) -> Spool:
        """Keep an upload on disk."""
        if self._connections.open_spool is None:
            raise RefusedError(503, "uploads are not kept here")
        return self._connections.open_spool(self._pace_reading)

    def invite_body(self) -> None:
        """Write the interim answer that a client with ``Expect`` waits for, in its turn."""
        self._owes_invitation = True
        self._invite()

    def receive(self, request: Request) -> None:
        """Queue a request, and begin it if it is the only one."""
        self._owes_invitation = False
        if len(self._queue) >= PIPELINE_MAX:
            request.release()
            raise RefusedError(400, "too many pipelined requests")
        self._queue.append(request)
        if request.unread:
            self._last_request = True
        self._serve_next()

    # answers

    def respond(
        self, request: Request, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        """Write the answer to the request that is being served; begin the next one."""
        if request is not self._current or self._closing:
            return
        if request.has_begun:
            self._break_off(request, "a whole answer came after the beginning of another")
            return
        keep_alive = self._may_stay(request)
        head = encode_head(status, headers, len(body), keep_alive)
        if not may_have_body(request.method, status):
            body = b""
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
        if request.has_begun:
            self._break_off(request, "an answer began twice")
            return
        chunked = length is None and request.http_version != "1.0"
        keep_alive = self._may_stay(request) and (chunked or length is not None)
        head = encode_head(status, headers, length, keep_alive, chunked=chunked)
        is_sent = may_have_body(request.method, status)
        request.has_begun = True
        self._answer = AnswerBody(keep_alive, chunked, length, is_sent)
        self._outbox.write(head)

    def send(self, request: Request, data: bytes) -> bool:
        """Write a part; whether the client takes more."""
        if request is not self._current or self._closing or self._answer is None:
            return False
        try:
            encoded = self._answer.encode(data)
            if encoded:
                self._outbox.write(encoded)
        except OutOfStepError as error:
            self._break_off(request, str(error))
        return not self._outbox.is_paused

    def end(self, request: Request) -> None:
        """Write what ends the answer; begin the next request."""
        if request is not self._current or self._closing or self._answer is None:
            return
        try:
            self._outbox.write(self._answer.encode_end())
        except OutOfStepError as error:
            self._break_off(request, str(error))
        else:
            self._complete(request, self._answer.keep_alive)

    def _break_off(self, request: Request, why: str) -> None:
        """The client must not take what it has for a whole answer, nor what follows for another."""
        logger.error("the answer to request %s breaks off: %s", request.request_id, why)
        self.drop(request)

    def _may_stay(self, request: Request) -> bool:
        if not request.keep_alive:
            return False
        if self._queue or self._refusal is not None:
            return True
        return not (self._last_request or self._connections.leaving)

    def _complete(self, request: Request, keep_alive: bool) -> None:
        self._current = self._answer = None
        if request.unread:
            self._close_lingering()
        elif not keep_alive:
            self._close()
        elif not (self._closing or self._outbox.is_paused):
            self._rest()
            self._serve_next()

    def announce(self, request: Request) -> None:
        """Write the interim answer to the request that is being served."""
        if request is self._current and not (self._closing or request.has_begun):
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
        """The server is stopping: close now if idle, else after what has begun to come."""
        if self._reader.is_in_request:
            return  # the answer to it is the last one, since ``Connections.leaving`` is set
        self._last_request = True
        if self._current is None and not self._queue:
            self._close()

    def expire(self) -> None:
        """A phase took too long. A request that is being served has no deadline here."""
        if self._transport is None:
            return
        now = self._loop.time()
        if now <= self._phase_deadline:
            self._fail(408, "the request did not arrive in time")
        elif self._is_being_read():
            self._begin_writing()
        elif not self._outbox.is_empty:
            self._connections.on_cut("pace")
            self._cut()
        elif self._closing:
            self._transport.abort()
        elif self._current is not None or self._reader.is_in_request:
            self._phase_deadline = now + IDLE_S
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
        self._phase_deadline = self._loop.time() + self._limits.write_timeout_s
        self._unread_bytes = self._outbox.count_unread()

    def _rest(self) -> None:
        """Nothing is owed; a request that is coming has a time of its own."""
        self._phase_deadline = self._loop.time() + IDLE_S

    def _serve_next(self) -> None:
        if self._current is None and not (self._closing or self._outbox.is_paused):
            if self._queue:
                self._serve(self._queue.popleft())
            elif self._refusal is not None:
                self._refuse(*self._refusal)
            else:
                self._invite()
        self._pace_reading()

    def _serve(self, request: Request) -> None:
        self._current = request
        try:
            self._application(request)
        except Exception:
            logger.exception("%r %r failed", request.method, request.path)
            self._on_failure(request)

    def _notify(self, request: Request, callback: Callable[[], None] | None) -> None:
        """Tell whoever answers ``request``; where that fails, it fails alone."""
        try:
            if callback is not None:
                callback()
        except Exception:
            logger.exception("request %s cannot go on", request.request_id)
            self.drop(request)

    def _invite(self) -> None:
        """Never in the middle of another request's answer, nor before it."""
        if self._owes_invitation and self._current is None and not self._queue:
            self._owes_invitation = False
            self._reader.restart_clock()
            self._outbox.write(_CONTINUE)

    def _pace_reading(self) -> None:
        transport = self._transport
        wants_none = self._outbox.is_paused or bool(self._queue) or self._reader.is_behind
        pause = wants_none and not self._closing
        if pause == self._reading_paused or transport is None or transport.is_closing():
            return
        self._reading_paused = pause
        if pause:
            transport.pause_reading()
        else:
            self._reader.restart_clock()
            transport.resume_reading()

    def _fail(self, status: int, reason: str) -> None:
        """Refuse what came last, after the answers that are owed to what came before it."""
        self._reader.stop()
        if self._refusal is None:
            self._refusal = status, reason
            self._serve_next()

    def _refuse(self, status: int, reason: str) -> None:
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
        self._phase_deadline = self._loop.time() + REFUSED_S
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
