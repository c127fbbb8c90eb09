"""One HTTP request, complete and checked, and the ways to answer it.

Contract: what applications of ``gateway.http.connection`` see; knows nothing of sockets. A request
has one answer: whole by ``respond``, or in parts by ``begin``, ``send`` and ``end``. Whatever comes
after the answer, or after the client has left, is dropped. The bytes of a request's body are
charged to its client until it is answered or released.
"""

from collections.abc import Callable
from typing import Protocol

from kubelambda.gateway.http.answer_encoding import Headers
from kubelambda.gateway.http.body_budget import HeldBody
from kubelambda.gateway.http.spool import Spool


class Answers(Protocol):
    """Writes what a request is answered (``gateway.http.answer_writer``)."""

    def respond(self, request: "Request", status: int, headers: Headers, body: bytes) -> None:
        """Write the whole answer."""
        ...

    def begin(self, request: "Request", status: int, headers: Headers, length: int | None) -> None:
        """Write the head of an answer."""
        ...

    def send(self, request: "Request", data: bytes) -> bool:
        """Write a part of its body."""
        ...

    def end(self, request: "Request") -> None:
        """Write its end."""
        ...

    def announce(self, request: "Request") -> None:
        """Write an interim answer."""
        ...

    def drop(self, request: "Request") -> None:
        """Close without an answer."""
        ...


class Request:
    """One complete request. Header names are lower-case; ``path`` is raw, still encoded."""

    __slots__ = (
        "answers",
        "body",
        "gone",
        "has_begun",
        "headers",
        "held",
        "http_version",
        "keep_alive",
        "method",
        "on_gone",
        "on_writable",
        "over_limit",
        "path",
        "query",
        "request_id",
        "unread",
        "upload",
    )

    def __init__(
        self,
        method: bytes,
        path: bytes,
        query: bytes,
        headers: dict[bytes, bytes],
        body: bytes,
        answers: Answers,
        keep_alive: bool,
        over_limit: int | None = None,
        unread: bool = False,
        upload: Spool | None = None,
        held: HeldBody | None = None,
        http_version: str = "1.1",
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.answers = answers
        self.keep_alive = keep_alive
        self.request_id = ""
        """The id that its answers carry; set by the application that gives it one."""
        self.over_limit = over_limit
        """The limit that the body exceeded, which may be 0; the body was not kept."""
        self.unread = unread
        """Part of the body was left unread: the answer is the last of its connection."""
        self.upload = upload
        """The body of a large upload, in place of ``body``."""
        self.held = held
        self.http_version = http_version
        self.has_begun = False
        """Set by ``begin``: its status has gone out."""
        self.gone = False
        """Set when the client has left before it was answered."""
        self.on_gone: Callable[[], None] | None = None
        self.on_writable: Callable[[], None] | None = None
        """Called when a client that had fallen behind a streamed answer has caught up."""

    def respond(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Answer; dropped if the request was answered before, or its client has left."""
        self.release()
        self.answers.respond(self, status, headers, body)

    def begin(self, status: int, headers: Headers, length: int | None = None) -> None:
        """Begin an answer whose body follows by ``send`` and ``end``; chunked without length."""
        self.release()
        self.answers.begin(self, status, headers, length)

    def send(self, data: bytes) -> bool:
        """Send a part of a begun answer; False: wait for ``on_writable`` before the next part."""
        return self.answers.send(self, data)

    def end(self) -> None:
        """End a begun answer."""
        self.answers.end(self)

    def announce(self) -> None:
        """Tell the client by an interim ``102 Processing`` that its request has begun to run."""
        self.answers.announce(self)

    def drop(self) -> None:
        """Close the connection without an answer."""
        self.answers.drop(self)

    def release(self) -> None:
        """Give up its body, which is not needed any more; a second call changes nothing."""
        self.body = b""
        if self.held is not None:
            self.held.release()
        if self.upload is not None:
            self.upload.close()
