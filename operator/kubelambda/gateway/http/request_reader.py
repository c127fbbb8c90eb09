"""Reads HTTP/1.1 requests from one connection's bytes: httptools, and the checks it leaves out.

Contract: exactly one request for each message, in order, complete and checked, or ``RefusedError``
at the first broken rule. A body over its limit is not kept: one of up to DRAIN_BYTES_MAX is read to
its end, and the connection goes on; a longer one is handed over as ``unread``. After that, and
after an error, nothing more is read, so that no part of a body is ever taken for a request.

Refuses every head of rule A11 with 400 or 431; limits the head, the body and what stands between
chunks. llhttp lets through a missing or doubled Host, large and many headers, and other
codings beside ``chunked``: those checks are made here. Trailers are ignored, and offers to change
protocols are refused. Does no I/O and has no timer: ``deadline`` says when the client is too slow.
"""

import asyncio
import enum
import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import httptools

from kubelambda.core.capacity.client_limits import SMALL_BODY_BYTES, ClientLimits
from kubelambda.gateway.http.body_budget import HeldBody
from kubelambda.gateway.http.request import Answers, Request
from kubelambda.gateway.http.spool import Spool, SpoolError

HEAD_BYTES_MAX = 65_536
HEADER_BYTES_MAX = 16_384
HEADERS_MAX = 100
TARGET_BYTES_MAX = 8_192
DRAIN_BYTES_MAX = 65_536
LENGTH_DIGITS_MAX = 19
SINGLE_HEADERS = frozenset({b"host", b"content-length", b"transfer-encoding"})


class BodyRule(NamedTuple):
    """What the body of a request may be."""

    bytes_max: int
    is_upload: bool = False
    """Large, and kept on disk while it comes."""


GetBodyRule = Callable[[bytes, bytes, dict[bytes, bytes]], BodyRule]
"""The rule for a request of this method, path and headers."""


class RefusedError(Exception):
    """The request breaks a rule: answer ``status`` and close."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Receiver(Protocol):
    """The connection that requests are read for."""

    @property
    def answers(self) -> Answers:
        """What its requests are answered by."""
        ...

    def open_account(self, *, is_upload: bool, is_small: bool) -> HeldBody:
        """Open the account to which the bytes of one body are charged."""
        ...

    def open_spool(self) -> Spool:
        """Open the place where an upload is kept while it arrives; RefusedError without one."""
        ...

    def invite_body(self) -> None:
        """The client has sent ``Expect: 100-continue`` and waits with its body."""
        ...

    def receive(self, request: Request) -> None:
        """Take a complete request; RefusedError where it is one too many."""
        ...


class _Phase(enum.Enum):
    BETWEEN = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    STOPPED = enum.auto()


_BETWEEN, _HEAD, _BODY, _STOPPED = _Phase
_NO_BODY = BodyRule(0)


class _UnreadError(Exception):
    """Ends the parser's work in the middle of a body that nobody wants."""


class RequestReader:
    """Parses for one ``receiver``."""

    def __init__(self, receiver: Receiver, get_rule: GetBodyRule, limits: ClientLimits) -> None:
        self._receiver = receiver
        self._get_rule = get_rule
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._phase = _BETWEEN
        self._head_bytes = 0
        self._messages = 0
        self.deadline = math.inf
        """When the client will have been too slow; infinite while nothing is expected of it."""
        self._method = b""
        self._path = self._query = b""
        self._version = ""
        self._ending: RefusedError | _UnreadError | None = None
        """Why a callback has ended the parser's work; its own error names it only at times."""
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._rule = _NO_BODY
        self._body: bytes | bytearray = b""
        self._body_bytes = 0
        self._framing_bytes = 0
        self._over_limit: int | None = None
        self._held: HeldBody | None = None
        self._spool: Spool | None = None

    @property
    def is_in_request(self) -> bool:
        """Whether part of a request has come whose rest is missing."""
        return self._phase in (_HEAD, _BODY)

    @property
    def is_behind(self) -> bool:
        """Whether the disk has to catch up before more of an upload is read."""
        return self._spool is not None and self._spool.is_behind

    def feed(self, data: bytes) -> None:
        """Parse; RefusedError at the first broken rule, after which nothing more is read."""
        if self._phase is _STOPPED:
            return
        phase, messages, body_bytes = self._phase, self._messages, self._body_bytes
        if phase is not _BODY:
            self._head_bytes += len(data)
        try:
            self._parse(data)
            self._check_head_size()
            is_same_phase = self._phase is phase and self._messages == messages
            if is_same_phase and phase is _BODY:
                self._go_on_with_body(len(data), self._body_bytes - body_bytes)
        except BaseException:
            self.stop()
            raise
        if self._phase is _BETWEEN:
            self.deadline = math.inf
        elif not is_same_phase:
            self.restart_clock()

    def stop(self) -> None:
        """Read nothing any more; what has come of a request is forgotten."""
        self._phase = _STOPPED
        self.deadline = math.inf
        if self._held is not None:
            self._held.release()
        if self._spool is not None:
            self._spool.close()
        self._clear()

    def restart_clock(self) -> None:
        """Begin its time anew: until now the client could not send, or was not asked to."""
        now = self._loop.time()
        if self._phase is _HEAD:
            self.deadline = now + self._limits.head_timeout_s
        elif self._phase is _BODY:
            self.deadline = now + self._limits.body_timeout_s

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            ending, self._ending = self._ending, None
            if isinstance(ending, RefusedError):
                raise ending from None
            if ending is None:
                raise
        except (httptools.HttpParserUpgrade, httptools.HttpParserError) as error:
            raise RefusedError(400, "malformed request") from error

    # httptools

    def on_message_begin(self) -> None:
        """A request line is coming."""
        self._clear()
        self._phase = _HEAD
        self._messages += 1

    def on_url(self, url: bytes) -> None:
        """Part of the request target."""
        self._target += url
        if len(self._target) > TARGET_BYTES_MAX:
            raise self._refuse(431, "the request target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; a second one is refused if it would decide about framing or routing."""
        if len(name) + len(value) > HEADER_BYTES_MAX:
            raise self._refuse(431, "a header is too large")
        if self._phase is not _HEAD:
            return  # a trailer: what it might say was decided by the head
        if len(self._headers) >= HEADERS_MAX:
            raise self._refuse(431, "too many headers")
        lowered = name.lower()
        if lowered in self._headers and lowered in SINGLE_HEADERS:
            raise self._refuse(400, "a header occurs twice")
        self._headers[lowered] = value

    def on_headers_complete(self) -> None:
        """Decide whether the body is wanted before any of it is kept."""
        self._method = self._parser.get_method()
        self._version = self._parser.get_http_version()
        self._check_head()
        self._path, _, self._query = self._target.partition(b"?")
        self._rule = self._get_rule(self._method, self._path, self._headers)
        self._phase = _BODY
        self._head_bytes = 0
        announced = self._read_length()
        waits = self._waits_for_invitation()
        is_unwelcome = waits and announced is None and self._rule.bytes_max == 0
        if is_unwelcome or (announced or 0) > self._rule.bytes_max:
            self._over_limit = self._rule.bytes_max
            if waits or (announced or 0) > DRAIN_BYTES_MAX:
                self._leave_unread()
            return
        is_small = announced is not None and announced <= SMALL_BODY_BYTES
        self._held = self._receiver.open_account(is_upload=self._rule.is_upload, is_small=is_small)
        if waits:
            self._receiver.invite_body()

    def on_body(self, body: bytes) -> None:
        """Part of the body, counted against its limit and against that of all bodies."""
        self._body_bytes += len(body)
        self._framing_bytes = 0
        if self._over_limit is None and self._body_bytes > self._rule.bytes_max:
            self._forget_body()
            self._over_limit = self._rule.bytes_max
        if self._over_limit is None:
            self._keep(body)
        elif self._body_bytes > DRAIN_BYTES_MAX:
            self._leave_unread()

    def on_message_complete(self) -> None:
        """The whole request is here."""
        self._hand_over()
        self._phase = _BETWEEN

    def _check_head_size(self) -> None:
        if self._phase is _HEAD and self._head_bytes > HEAD_BYTES_MAX:
            raise RefusedError(431, "the request's head is too large")

    def _check_head(self) -> None:
        headers, version = self._headers, self._version
        if version not in ("1.0", "1.1"):
            raise self._refuse(505, "only HTTP/1.1 is spoken here")
        if not headers.get(b"host") and version == "1.1":
            raise self._refuse(400, "Host is missing")
        coding = headers.get(b"transfer-encoding")
        if coding is not None and version == "1.0":
            raise self._refuse(400, "HTTP/1.0 has no Transfer-Encoding")
        if coding is not None and coding.strip().lower() != b"chunked":
            raise self._refuse(400, "chunked is the only transfer coding here")
        if self._parser.should_upgrade():
            # The parser would take the body for the beginning of what comes after it.
            raise self._refuse(400, "only HTTP/1.1 is spoken here")

    def _read_length(self) -> int | None:
        """The announced length of the body; None where it comes in chunks."""
        if b"transfer-encoding" in self._headers:
            return None
        length = self._headers.get(b"content-length", b"0").strip()
        if len(length) > LENGTH_DIGITS_MAX:
            raise self._refuse(400, "Content-Length is too long")
        return int(length) if length.isdigit() else None

    def _waits_for_invitation(self) -> bool:
        """Whether the client may wait for 100 Continue, which HTTP/1.0 does not know."""
        expects = self._headers.get(b"expect", b"").strip().lower() == b"100-continue"
        return expects and self._version != "1.0"

    def _keep(self, body: bytes) -> None:
        if self._held is None or not self._held.add(len(body)):
            raise self._refuse(503, "too many requests are being received")
        if self._rule.is_upload:
            self._keep_on_disk(body)
        elif not self._body:
            self._body = body  # as a rule the only part
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += body

    def _keep_on_disk(self, body: bytes) -> None:
        if self._spool is None:
            self._spool = self._open_spool()
        try:
            self._spool.add(body)
        except SpoolError as error:
            raise self._refuse(503, str(error)) from error

    def _open_spool(self) -> Spool:
        try:
            return self._receiver.open_spool()
        except RefusedError as refusal:
            self._ending = refusal
            raise

    def _forget_body(self) -> None:
        self._body = b""
        if self._held is not None:
            self._held.release()
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _go_on_with_body(self, count: int, body_count: int) -> None:
        """Of a body that had begun ``count`` bytes more have come, ``body_count`` without framing.

        Chunk extensions and trailers are counted, since the parser keeps them until they end.
        """
        now = self._loop.time()
        self.deadline = self._limits.move_body_deadline(self.deadline, now, body_count)
        if not body_count:
            self._framing_bytes += count
            if self._framing_bytes > HEAD_BYTES_MAX:
                raise RefusedError(431, "too much between the chunks of the body")

    def _leave_unread(self) -> None:
        self._hand_over(unread=True)
        self.stop()
        self._ending = _UnreadError()
        raise self._ending

    def _refuse(self, status: int, reason: str) -> RefusedError:
        """The error that a callback raises."""
        self._ending = RefusedError(status, reason)
        return self._ending

    def _hand_over(self, *, unread: bool = False) -> None:
        request = Request(
            self._method,
            self._path,
            self._query,
            self._headers,
            bytes(self._body),
            self._receiver.answers,
            self._parser.should_keep_alive() and not unread,
            self._over_limit,
            unread,
            self._spool,
            self._held,
            self._version,
        )
        self._body, self._spool, self._held = b"", None, None
        try:
            self._receiver.receive(request)
        except RefusedError as refusal:
            self._ending = refusal
            raise
