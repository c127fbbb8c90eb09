"""What tests of the request reader share: a receiver that keeps what it gets, and a slow parser.

``parse`` is the reference: it sees all bytes of a connection at once, and does nothing clever.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from kubelambda.core.capacity.client_limits import ClientLimits
from kubelambda.gateway.http.body_budget import BodyBudget, HeldBody
from kubelambda.gateway.http.request import Headers, Request
from kubelambda.gateway.http.request_reader import (
    DRAIN_BYTES_MAX,
    BodyRule,
    RefusedError,
    RequestReader,
)
from kubelambda.gateway.http.spool import Spool

END = b"\r\n"


@dataclass(frozen=True, slots=True)
class Read:
    """One request as it was handed over."""

    path: bytes
    body: bytes
    over_limit: int | None = None
    unread: bool = False
    keep_alive: bool = True


@dataclass(slots=True)
class Conversation:
    """What the reader made of the bytes of one connection."""

    requests: list[Read] = field(default_factory=list)
    refused: int | None = None


@dataclass(slots=True)
class FakeReceiver:
    """Keeps what it is given; the ways to answer are not used here."""

    budget: BodyBudget = field(default_factory=lambda: BodyBudget(1 << 30))
    received: list[Request] = field(default_factory=list)
    invitations: int = 0

    def open_account(self, *, is_upload: bool, is_small: bool) -> HeldBody:
        return HeldBody(self.budget, "client", is_small)

    def open_spool(self) -> Spool:
        raise AssertionError("no upload here")

    def invite_body(self) -> None:
        self.invitations += 1

    def receive(self, request: Request) -> None:
        self.received.append(request)

    @property
    def answers(self) -> "FakeReceiver":
        return self

    def respond(self, request: Request, status: int, headers: Headers, body: bytes) -> None:
        """Not used."""

    def begin(self, request: Request, status: int, headers: Headers, length: int | None) -> None:
        """Not used."""

    def send(self, request: Request, data: bytes) -> bool:
        return True

    def end(self, request: Request) -> None:
        """Not used."""

    def announce(self, request: Request) -> None:
        """Not used."""

    def drop(self, request: Request) -> None:
        """Not used."""


def limit_of(path: bytes) -> int:
    """Tests name the limit of a body in the path: ``/limit/5``; 0 for any other path."""
    number = path.rpartition(b"/")[2]
    return int(number) if number.isdigit() else 0


def rule_of(_: bytes, path: bytes, __: dict[bytes, bytes]) -> BodyRule:
    return BodyRule(limit_of(path))


def build_reader(receiver: FakeReceiver, limits: ClientLimits | None = None) -> RequestReader:
    """A reader on the running loop."""
    return RequestReader(receiver, rule_of, limits or ClientLimits())


def read(
    pieces: Sequence[bytes], *, beside_an_error: bool = False
) -> tuple[Conversation, FakeReceiver]:
    """Feed ``pieces`` to a new reader, as long as it takes them.

    ``beside_an_error`` does so while another exception is being handled, which then is the context
    of whatever is raised, as after a coroutine that mypyc has compiled (ADR 10).
    """

    async def feed() -> tuple[Conversation, FakeReceiver]:
        receiver, refused = FakeReceiver(), None
        reader = build_reader(receiver)
        for piece in pieces:
            try:
                if beside_an_error:
                    feed_beside_an_error(reader.feed, piece)
                else:
                    reader.feed(piece)
            except RefusedError as error:
                refused = error.status
        reader.stop()
        made = [
            Read(one.path, one.body, one.over_limit, one.unread, one.keep_alive)
            for one in receiver.received
        ]
        return Conversation(made, refused), receiver

    return asyncio.run(feed())


def feed_beside_an_error(feed: Callable[[bytes], None], piece: bytes) -> None:
    try:
        {}["another one"]
    except KeyError:
        feed(piece)


def split(data: bytes, places: Sequence[int]) -> list[bytes]:
    """``data`` cut at ``places``."""
    cuts = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(cuts)]


# the reference


def parse(data: bytes) -> Conversation:
    """What a reader should make of well-formed ``data``, of which the end may be missing."""
    made = Conversation()
    while data := data.lstrip(END):
        if made.requests and not made.requests[-1].keep_alive:
            made.refused = None if made.requests[-1].unread else 400
            return made
        head, found, data = data.partition(END + END)
        if not found:
            return made
        line, *lines = head.split(END)
        headers = dict(one.lower().split(b": ", 1) for one in lines)
        path, limit = line.split()[1], limit_of(line.split()[1])
        keeps = headers.get(b"connection") != b"close"
        expects = headers.get(b"expect") == b"100-continue"
        is_chunked = b"transfer-encoding" in headers
        announced = 0 if is_chunked else int(headers.get(b"content-length", b"0"))
        if is_chunked:
            body, is_whole, data = _parse_chunks(data)
        else:
            body, is_whole, data = data[:announced], len(data) >= announced, data[announced:]
        is_unread = (
            (announced > limit and (expects or announced > DRAIN_BYTES_MAX))
            or (is_chunked and expects and limit == 0)
            or (len(body) > limit and len(body) > DRAIN_BYTES_MAX)
        )
        if is_unread:
            made.requests.append(Read(path, b"", limit, unread=True, keep_alive=False))
            return made
        if not is_whole:
            return made
        over = len(body) > limit
        made.requests.append(
            Read(path, b"" if over else body, limit if over else None, keep_alive=keeps)
        )
    return made


def _parse_chunks(data: bytes) -> tuple[bytes, bool, bytes]:
    """The body, whether it is whole, and what follows it."""
    body = b""
    while True:
        line, found, data = data.partition(END)
        if not found:
            return body, False, b""
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            break
        body += data[:size]
        if len(data) < size + len(END):
            return body, False, b""
        data = data[size + len(END) :]
    while True:
        trailer, found, data = data.partition(END)
        if not found:
            return body, False, b""
        if not trailer:
            return body, True, data
