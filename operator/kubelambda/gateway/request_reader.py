"""HTTP/1.1 requests out of the bytes of one connection: httptools, and the checks it leaves out.

Contract: hands complete, checked requests to its receiver in order, or raises ``RefusedError`` at
the first broken rule, after which it must not be fed again. Refuses every row of FAULTS section 5
with 400 or 431; caps the head, the body and what stands between chunks. llhttp lets through a
missing or doubled Host, large and many headers: those checks are made here. Trailers are passed
over, offers to change protocols are refused. Does no I/O; a phase's time is the receiver's to hold.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import httptools

from kubelambda.core.client_limits import ClientLimits
from kubelambda.gateway.request import Connection, Request

HEAD_BYTES_MAX = 65_536
HEADER_BYTES_MAX = 16_384
HEADERS_MAX = 100
TARGET_BYTES_MAX = 8_192
SINGLE_HEADERS = frozenset({b"host", b"content-length", b"transfer-encoding"})

BodyLimit = Callable[[bytes, bytes, dict[bytes, bytes]], int]
"""How many bytes of body a request of this method, path and headers may have."""


class RefusedError(Exception):
    """The request breaks a rule: answer ``status`` and close."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Receiver(Connection, Protocol):
    """The connection that requests are read for."""

    deadline: float
    """When the phase that a request is in has taken too long; moved as it goes on."""

    def hold(self, count: int) -> bool:
        """Count so many bytes of a body in; False where all bodies together are too much."""
        ...

    def let_go(self, count: int) -> None:
        """Count bytes out that were held."""
        ...

    def invite_body(self) -> None:
        """The client waits to be told that its body is wanted."""
        ...

    def receive(self, request: Request) -> None:
        """A request is here. One whose ``over_limit`` is set is the last of its connection."""
        ...


class RequestReader:
    """Parses for one ``receiver``."""

    def __init__(self, receiver: Receiver, body_limit: BodyLimit, limits: ClientLimits) -> None:
        self._receiver = receiver
        self._body_limit = body_limit
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._in_head = False
        self._head_bytes = 0
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

    @property
    def is_in_request(self) -> bool:
        """Whether part of a request has come whose rest is missing."""
        return self._in_head or self._body_max > 0

    def feed(self, data: bytes) -> None:
        """Parse; RefusedError at the first broken rule."""
        if not self._in_head and not self._body_max:
            self._begin_head()
        if self._in_head:
            self._head_bytes += len(data)
        body_bytes, body_began = self._body_bytes, self._body_began
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, RefusedError):
                raise error.__context__ from None
            raise
        except (httptools.HttpParserUpgrade, httptools.HttpParserError) as error:
            raise RefusedError(400, "malformed request") from error
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            raise RefusedError(431, "the request's head is too large")
        if self._body_max and (body_bytes, body_began) == (self._body_bytes, self._body_began):
            self._count_framing(len(data))

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
        self._receiver.deadline = self._body_began + self._limits.body_timeout_s
        if announced > self._body_max:
            self._refuse_body()
        elif headers.get(b"expect", b"").lower() == b"100-continue":
            self._receiver.invite_body()

    def on_body(self, body: bytes) -> None:
        """Part of the body, counted against its limit and against that of all bodies."""
        if self._over_limit:
            return
        self._body_bytes += len(body)
        if self._body_bytes > self._body_max:
            self._refuse_body()
            return
        if not self._receiver.hold(len(body)):
            raise RefusedError(503, "too many requests are being received")
        self._receiver.deadline = self._body_began + self._limits.allow_body_s(self._body_bytes)
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
            self._hand_over()

    def _begin_head(self) -> None:
        self._in_head = True
        self._receiver.deadline = self._loop.time() + self._limits.head_timeout_s

    def _count_framing(self, count: int) -> None:
        """Extensions of chunks, and trailers, which the parser keeps until they end."""
        self._framing_bytes += count
        if self._framing_bytes > HEAD_BYTES_MAX:
            raise RefusedError(431, "too much between the chunks of the body")

    def _refuse_body(self) -> None:
        self._over_limit = self._body_max
        self._receiver.let_go(len(self._body))
        self._body = b""
        self._hand_over()

    def _hand_over(self) -> None:
        path, _, query = self._target.partition(b"?")
        request = Request(
            method=self._parser.get_method(),
            path=path,
            query=query,
            headers=self._headers,
            body=bytes(self._body),
            connection=self._receiver,
            keep_alive=self._parser.should_keep_alive(),
            over_limit=self._over_limit,
            http_version=self._parser.get_http_version(),
        )
        self._body = b""
        self._body_max = 0
        self._receiver.receive(request)
