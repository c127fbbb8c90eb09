"""One HTTP request, complete and checked, and the ways to answer it.

Contract: what applications of ``gateway.http`` see; knows nothing of sockets. One answer for each
request: whole by ``respond``, or in parts by ``begin``, ``send`` and ``end``. Whatever comes after
it, or after the client has gone, is dropped.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Headers = list[tuple[str, str]]


class Connection(Protocol):
    """What a request's connection does for it."""

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


@dataclass(slots=True, eq=False)
class Request:
    """One complete request. Header names are lower-case; ``path`` is raw, still encoded."""

    method: bytes
    path: bytes
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes
    connection: Connection
    keep_alive: bool
    over_limit: int = 0
    """The limit that the body went over (the body itself was not kept), else 0."""
    http_version: str = "1.1"
    gone: bool = False
    """Set when the client has left before it was answered."""
    on_gone: Callable[[], None] | None = None
    on_writable: Callable[[], None] | None = None
    """Called when a client that had fallen behind a streamed answer has caught up."""

    def respond(self, status: int, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        """Answer; a second answer, and one to a client that has gone, is dropped."""
        self.connection.respond(self, status, headers, body)

    def begin(self, status: int, headers: list[tuple[str, str]], length: int | None = None) -> None:
        """Begin an answer whose body follows with ``send`` and ``end``; chunked without length."""
        self.connection.begin(self, status, headers, length)

    def send(self, data: bytes) -> bool:
        """Part of a begun answer; False: wait for ``on_writable`` before the next part."""
        return self.connection.send(self, data)

    def end(self) -> None:
        """The begun answer is whole."""
        self.connection.end(self)

    def announce(self) -> None:
        """Tell the client by an interim ``102 Processing`` that its request has begun to run."""
        self.connection.announce(self)

    def drop(self) -> None:
        """Close the connection without an answer."""
        self.connection.drop(self)
