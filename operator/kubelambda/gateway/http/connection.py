"""HTTP/1.1 of a listener: one client connection over a raw asyncio Protocol.

Contract: hands complete, checked requests (``gateway.http.request_reader``) to an application, one
at a time, and has its answers written in order (``gateway.http.answer_writer``): one for each
request. Reads no further while a client does not take its answers or has another request waiting.
Ends a client that is late (``gateway.http.phase_clock``). A request that is refused is answered
with the refusal's status, after the answers that are owed, and the connection closes. If the
application raises, ``on_failure`` answers that one request. Knows nothing of Lambda.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import cast

from kubelambda.gateway.http.answer_writer import AnswerWriter
from kubelambda.gateway.http.body_budget import HeldBody
from kubelambda.gateway.http.client_connections import Connections
from kubelambda.gateway.http.outbox import Outbox
from kubelambda.gateway.http.phase_clock import PhaseClock
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.http.request_reader import GetBodyRule, RefusedError, RequestReader
from kubelambda.gateway.http.spool import Spool

logger = logging.getLogger(__name__)

PIPELINE_MAX = 16
Application = Callable[[Request], None]
OnFailure = Callable[[Request], None]
"""Answers a request whose application raised."""


class HttpConnection:
    """One client connection.

    It has the methods of ``asyncio.Protocol`` but does not inherit from it: a compiled class cannot
    have a base that is not compiled.
    """

    def __init__(
        self,
        application: Application,
        get_rule: GetBodyRule,
        connections: Connections,
        on_failure: OnFailure,
        *,
        keeps_half_closed: bool = True,
    ) -> None:
        """Without ``keeps_half_closed``, a client that ends its side of the connection has left."""
        self._application = application
        self._keeps_half_closed = keeps_half_closed
        self._on_failure = on_failure
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._reader = RequestReader(self, get_rule, connections.limits)
        self._transport: asyncio.Transport | None = None
        self._address: str | None = None
        self._queue: deque[Request] = deque()
        self._refusal: tuple[int, str] | None = None
        """Status and reason; written after the answers that are owed, then the connection ends."""
        self._owes_invitation = False
        """The client waits for ``100 Continue``."""
        self._outbox = Outbox(connections.answers, self._cut_for_room)
        self.answers = AnswerWriter(self._outbox, self._may_stay, self._complete, self.abort)
        self._clock = PhaseClock(self._outbox, connections.limits)
        self._reading_paused = False
        self._last_request = False
        """Nothing that the client sends from here on is read as a request."""

    # client_connections.ClientConnection

    @property
    def deadline(self) -> float:
        """When what the client is doing, or the request that is coming, has taken too long."""
        if self.answers.is_closing or self._reading_paused or self._owes_invitation:
            return self._clock.deadline
        return min(self._clock.deadline, self._reader.deadline)

    def count_in(self, address: str) -> bool:
        """Count this connection; False if a cap is reached.

        ``connection_made`` does so itself, unless a TLS listener has done it before the handshake.
        """
        self._address = address
        return self._connections.count_in(self, address)

    def count_out(self) -> None:
        """Count it no more; ``connection_lost`` does so itself."""
        self._connections.count_out(self, self._address or "")

    def expire(self) -> None:
        """``deadline`` has passed. A request that is being served has none here."""
        if self._transport is None:
            return
        now = self._loop.time()
        if now <= self._clock.deadline:
            self._refuse(408, "the request did not arrive in time")
        elif self._clock.is_being_read():
            self._clock.start_writing()
        elif not self._outbox.is_empty:
            self._connections.on_cut("pace")
            self._cut()
        elif self.answers.is_closing:
            self._transport.abort()
        elif self.answers.request is not None or self._reader.is_in_request:
            self._clock.start_idle()
        else:
            self._close()

    def finish(self) -> None:
        """The server is stopping: close now if idle, else after what has begun to come."""
        if self._reader.is_in_request:
            return  # the answer to it is the last one, since ``Connections.leaving`` is set
        self._last_request = True
        if self.answers.request is None and not self._queue:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast("asyncio.Transport", transport)
        self._outbox.open(self._transport)
        peer = transport.get_extra_info("peername")
        if self._address is None and not self.count_in(str(peer[0]) if peer else ""):
            # Not counted, so nothing would end it later.
            self.answers.refuse(503, "too many connections")
            self.answers.is_closing = True
        if self.answers.is_closing:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """The client has left; whoever works on its request is told."""
        self.count_out()
        self._outbox.clear()
        self._reader.stop()
        self.answers.is_closing = True
        current, self.answers.request = self.answers.request, None
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
        if self.answers.request is None:
            self._close()
        return True

    def data_received(self, data: bytes) -> None:
        """Read requests; refuse and close at the first broken rule."""
        if self.answers.is_closing or self._last_request:
            return
        try:
            self._reader.feed(data)
        except RefusedError as refusal:
            self._refuse(refusal.status, refusal.reason)
        except Exception:
            logger.exception("a request from %s cannot be read", self._address)
            self._refuse(500, "the request cannot be read")
        self._pace_reading()

    def pause_writing(self) -> None:
        """The client reads slowly: until it catches up, nothing is read from it or served to it."""
        if self._outbox.pause():
            self._clock.start_writing()
        self._pace_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._outbox.resume()
        if self.answers.is_closing or self._outbox.is_paused:
            return
        self._clock.start_idle()
        current = self.answers.request
        if current is not None:
            self._notify(current, current.on_writable)
        self._serve_next()

    # request_reader.Receiver

    def open_account(self, *, is_upload: bool, is_small: bool) -> HeldBody:
        """Count the bytes of a body against the budget of its kind and this client's address."""
        budget = self._connections.uploads if is_upload else self._connections.payloads
        return HeldBody(budget, self._address or "", is_small)

    def open_spool(self) -> Spool:
        """Keep an upload on disk."""
        if self._connections.open_spool is None:
            raise RefusedError(503, "uploads are not kept here")
        return self._connections.open_spool(self._pace_reading)

    def invite_body(self) -> None:
        """Write ``100 Continue`` as soon as the answers before it have been written."""
        self._owes_invitation = True
        self._invite()

    def receive(self, request: Request) -> None:
        """Serve the request, at once if it is the only one."""
        self._owes_invitation = False
        if len(self._queue) >= PIPELINE_MAX:
            request.release()
            raise RefusedError(400, "too many pipelined requests")
        if request.unread:
            self._last_request = True
        answers = self.answers
        if self._queue or answers.request or answers.is_closing or self._outbox.is_paused:
            self._queue.append(request)
        else:
            self._serve(request)

    # one request at a time

    def _serve_next(self) -> None:
        if self.answers.request is None and not (self.answers.is_closing or self._outbox.is_paused):
            if self._queue:
                self._serve(self._queue.popleft())
            elif self._refusal is not None:
                self._close_with_refusal(*self._refusal)
            else:
                self._invite()
        self._pace_reading()

    def _serve(self, request: Request) -> None:
        self.answers.request = request
        try:
            self._application(request)
        except Exception:
            logger.exception("%r %r failed", request.method, request.path)
            self._on_failure(request)

    def _may_stay(self, request: Request) -> bool:
        if not request.keep_alive:
            return False
        if self._queue or self._refusal is not None:
            return True
        return not (self._last_request or self._connections.leaving)

    def _complete(self, request: Request, keep_alive: bool) -> None:
        if request.unread:
            self._close_lingering()
        elif not keep_alive:
            self._close()
        elif not (self.answers.is_closing or self._outbox.is_paused):
            self._clock.start_idle()
            if self._queue or self._refusal or self._owes_invitation or self._reading_paused:
                self._serve_next()

    def _notify(self, request: Request, callback: Callable[[], None] | None) -> None:
        """Call what ``request`` asked for; if that fails, only this request fails."""
        try:
            if callback is not None:
                callback()
        except Exception:
            logger.exception("request %s cannot go on", request.request_id)
            self.answers.drop(request)

    def _invite(self) -> None:
        """Ask for the body, but not before or inside the answer to an earlier request."""
        if self._owes_invitation and self.answers.request is None and not self._queue:
            self._owes_invitation = False
            self._reader.restart_clock()
            self.answers.invite_body()

    def _pace_reading(self) -> None:
        transport = self._transport
        wants_none = self._outbox.is_paused or bool(self._queue) or self._reader.is_behind
        pause = wants_none and not self.answers.is_closing
        if pause == self._reading_paused or transport is None or transport.is_closing():
            return
        self._reading_paused = pause
        if pause:
            transport.pause_reading()
        else:
            self._reader.restart_clock()
            transport.resume_reading()

    # the end of the connection

    def _refuse(self, status: int, reason: str) -> None:
        """Read no more; refuse what came last once everything before it has been answered."""
        self._reader.stop()
        if self._refusal is None:
            self._refusal = status, reason
            self._serve_next()

    def _close_with_refusal(self, status: int, reason: str) -> None:
        self.answers.refuse(status, reason)
        self._close_lingering()

    def _close_lingering(self) -> None:
        """Close, but first read for a moment: with bytes left unread, the kernel would reset the
        connection before the client has its answer.
        """
        self.answers.is_closing = True
        self._clock.start_lingering()
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
        self.answers.is_closing = True
        self._clock.start_writing()
        if self._transport is not None:
            self._outbox.finish(self._transport.close)

    def _cut_for_room(self) -> None:
        self._connections.on_cut("room")
        self._cut()

    def _cut(self) -> None:
        self.answers.is_closing = True
        self.abort()
