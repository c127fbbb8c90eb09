"""Writes the answers of one connection: whole, in parts, refusals and interim ones.

Contract: writes for ``request`` alone, the one that is being served; what is answered to another
one, or once ``is_closing`` is set, is dropped. Each answer is framed so that the client finds its
end; one that cannot be ends the connection (``gateway.http.answer_encoding``). Which request is
served next, and how the connection ends, is decided by the callbacks.
"""

import logging
from collections.abc import Callable

from kubelambda.gateway.http.answer_encoding import (
    AnswerBody,
    AnswerLengthError,
    Headers,
    encode_head,
    may_have_body,
)
from kubelambda.gateway.http.outbox import Outbox
from kubelambda.gateway.http.request import Request

logger = logging.getLogger(__name__)

JOINED_BYTES_MAX = 65_536
"""A body up to this is copied behind its head: one system call less."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


class AnswerWriter:
    """A driver of ``request.Answers``.

    ``may_stay`` says whether the connection may be used again after the answer to a request, and
    ``on_complete`` is told so when the answer has been written. ``abort`` closes it at once.
    """

    def __init__(
        self,
        outbox: Outbox,
        may_stay: Callable[[Request], bool],
        on_complete: Callable[[Request, bool], None],
        abort: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._may_stay = may_stay
        self._on_complete = on_complete
        self._abort = abort
        self._body: AnswerBody | None = None
        """Of an answer to ``request`` that has begun in parts."""
        self.request: Request | None = None
        """The request that is being served, set by the connection; None once it is answered."""
        self.is_closing = False
        """Set by the connection when it ends."""

    def respond(self, request: Request, status: int, headers: Headers, body: bytes) -> None:
        """Write the whole answer."""
        if request is not self.request or self.is_closing:
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
        self.request = None
        self._on_complete(request, keep_alive)

    def begin(self, request: Request, status: int, headers: Headers, length: int | None) -> None:
        """Write the head of an answer that comes in parts; the next request waits for its end."""
        if request is not self.request or self.is_closing:
            return
        if request.has_begun:
            self._break_off(request, "an answer began twice")
            return
        chunked = length is None and request.http_version != "1.0"
        keep_alive = self._may_stay(request) and (chunked or length is not None)
        head = encode_head(status, headers, length, keep_alive, chunked=chunked)
        is_sent = may_have_body(request.method, status)
        request.has_begun = True
        self._body = AnswerBody(keep_alive, chunked, length, is_sent)
        self._outbox.write(head)

    def send(self, request: Request, data: bytes) -> bool:
        """Write a part; whether the client takes more."""
        if request is not self.request or self.is_closing or self._body is None:
            return False
        try:
            encoded = self._body.encode(data)
            if encoded:
                self._outbox.write(encoded)
        except AnswerLengthError as error:
            self._break_off(request, str(error))
        return not self._outbox.is_paused

    def end(self, request: Request) -> None:
        """Write what ends an answer in parts."""
        if request is not self.request or self.is_closing or self._body is None:
            return
        try:
            self._outbox.write(self._body.encode_end())
        except AnswerLengthError as error:
            self._break_off(request, str(error))
        else:
            keep_alive = self._body.keep_alive
            self.request = self._body = None
            self._on_complete(request, keep_alive)

    def announce(self, request: Request) -> None:
        """Write ``102 Processing``, but never into an answer."""
        if request is self.request and not (self.is_closing or request.has_begun):
            self._outbox.write(_PROCESSING)

    def drop(self, request: Request) -> None:
        """Close at once, without an answer or without the rest of one."""
        if request is self.request:
            self._abort()

    # answers before a request is complete

    def invite_body(self) -> None:
        """Write ``100 Continue``."""
        self._outbox.write(_CONTINUE)

    def refuse(self, status: int, reason: str) -> None:
        """Write the last answer of a connection, to what could not be read."""
        body = reason.encode() + b"\n"
        head = encode_head(status, [("Content-Type", "text/plain")], len(body), False)
        self._outbox.write(head + body)

    def _break_off(self, request: Request, why: str) -> None:
        """The client must not take what it has for a whole answer, nor what follows for another."""
        logger.error("the answer to request %s breaks off: %s", request.request_id, why)
        self.drop(request)
