"""One client connection: one answer for each request, in order, whatever fails."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.capacity.client_limits import ClientLimits
from kubelambda.gateway.http.client_connections import Connections
from kubelambda.gateway.http.connection import PIPELINE_MAX, HttpConnection
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.http.request_reader import BodyRule
from kubelambda.gateway.invoke.failure import answer_failure
from unit.gateway.http.reading import feed_beside_an_error, parse, rule_of, split
from unit.gateway.http.transports import FakeTransport

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Served:
    """A connection, its transport and the requests that its application has got."""

    def __init__(
        self,
        application: Callable[[Request], None] | None = None,
        connections: Connections | None = None,
        *,
        keeps_half_closed: bool = True,
    ) -> None:
        self.requests: list[Request] = []
        self.transport = FakeTransport()
        self.connections = connections or Connections(ClientLimits(body_timeout_s=1_000.0))
        self._application = application
        self.connection = HttpConnection(
            self._serve,
            rule_of,
            self.connections,
            on_failure=answer_failure,
            keeps_half_closed=keeps_half_closed,
        )
        self.connection.connection_made(self.transport)

    def _serve(self, request: Request) -> None:
        self.requests.append(request)
        if self._application is not None:
            self._application(request)

    def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)

    @property
    def statuses(self) -> list[int]:
        return [int(one[:3]) for one in self.transport.written.split(b"HTTP/1.1 ")[1:]]


def post(path: bytes, body: bytes = b"", *headers: bytes) -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: g", b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, *headers]) + b"\r\n\r\n" + body


def echo(request: Request) -> None:
    """404 where the body is over its limit, else 200 with the body and the path."""
    status = 200 if request.over_limit is None else 404
    request.respond(status, [], request.path + b" " + request.body)


@pytest.mark.parametrize("step", [1, 1_000], ids=["each byte", "whole"])
async def test_a_body_that_nobody_wants_gets_one_answer_and_the_next_request_its_own(
    step: int,
) -> None:
    """Issue 11, entry 1: three answers to one message, and the next client read a stale one."""
    served = Served(echo)
    data = post(b"/limit/0", b"abcde") + post(b"/limit/5", b"abcde")
    served.receive(*split(data, range(0, len(data), step)))
    assert served.statuses == [404, 200]
    assert served.transport.written.endswith(b"/limit/5 abcde")
    assert not served.transport.is_closing()


async def test_the_second_request_is_served_when_the_first_is_answered() -> None:
    served = Served()
    served.receive(post(b"/limit/1", b"1") + post(b"/limit/1", b"2"))
    assert [one.body for one in served.requests] == [b"1"]
    assert not served.transport.is_reading
    served.requests[0].respond(200, [], b"one")
    assert [one.body for one in served.requests[1:]] == [b"2"]
    assert served.transport.is_reading


@pytest.mark.parametrize(
    ("bad", "status"),
    [(b"GARBAGE\r\n\r\n", 400), (post(b"/limit/1") * PIPELINE_MAX + post(b"/limit/1"), 400)],
    ids=["malformed", "too many"],
)
async def test_a_refusal_waits_for_the_answers_that_are_owed_before_it(
    bad: bytes, status: int
) -> None:
    """Else the client of a request that runs is told that it was malformed."""
    served = Served()
    served.receive(post(b"/limit/1", b"1") + bad)
    assert served.transport.written == b""
    answered = 0
    while answered < len(served.requests):
        served.requests[answered].respond(200, [], b"ran")
        answered += 1
    assert served.statuses == [200] * answered + [status]
    assert served.transport.has_eof


async def test_a_last_request_is_answered_although_bytes_follow_it() -> None:
    """The parser takes them for an error; the request before them is not part of that."""
    served = Served()
    served.receive(post(b"/limit/1", b"1", b"Connection: close") + b"more")
    served.requests[0].respond(200, [], b"ran")
    assert served.statuses == [200]
    assert served.transport.is_closing()


async def test_a_body_left_unread_is_answered_last_and_nothing_after_it_is_served() -> None:
    served = Served(echo)
    hidden = post(b"/limit/9", b"1") * 2_000
    served.receive(post(b"/limit/1", b"1") + post(b"/limit/9", hidden), post(b"/limit/9", b"1"))
    assert served.statuses == [200, 404]
    assert b"Connection: close" in served.transport.written
    assert served.transport.has_eof


# the side of the answers


async def test_a_request_is_answered_once() -> None:
    served = Served()
    served.receive(post(b"/limit/1", b"1") + post(b"/limit/1", b"2"))
    first = served.requests[0]
    first.respond(200, [], b"one")
    first.respond(200, [], b"again")
    first.begin(200, [])
    first.send(b"again")
    first.end()
    first.announce()
    served.requests[1].respond(200, [], b"two")
    assert served.statuses == [200, 200]
    assert b"again" not in served.transport.written
    assert served.transport.written.endswith(b"two")


@pytest.mark.parametrize(
    "second",
    [
        lambda request: request.respond(500, []),
        lambda request: request.begin(200, []),
    ],
    ids=["whole", "begun"],
)
async def test_an_answer_that_has_begun_is_not_followed_by_another(
    second: Callable[[Request], None],
) -> None:
    """The client sees its end without the last chunk: broken off, not whole."""
    served = Served()
    served.receive(post(b"/limit/1", b"1") + post(b"/limit/1", b"2"))
    served.requests[0].begin(200, [])
    served.requests[0].send(b"part")
    second(served.requests[0])
    assert served.statuses == [200]
    assert served.transport.is_aborted


@pytest.mark.parametrize("parts", [[b"1234"], [b"123", b"456"]], ids=["short", "long"])
async def test_an_answer_has_the_length_that_its_head_says_or_the_connection_ends(
    parts: list[bytes],
) -> None:
    served = Served()
    served.receive(post(b"/limit/1", b"1"))
    served.requests[0].begin(200, [], 5)
    for part in parts:
        served.requests[0].send(part)
    served.requests[0].end()
    assert served.transport.is_aborted
    assert len(served.transport.written.partition(b"\r\n\r\n")[2]) <= 5


async def test_an_answer_to_head_has_no_body_that_the_next_one_would_begin_with() -> None:
    served = Served(echo)
    served.receive(b"HEAD /limit/0 HTTP/1.1\r\nHost: g\r\n\r\n" + post(b"/limit/1", b"1"))
    first, _, second = served.transport.written.partition(b"\r\n\r\n")
    assert b"Content-Length: 9" in first
    assert second.startswith(b"HTTP/1.1 200 OK")


async def test_nothing_interim_is_written_into_an_answer() -> None:
    """Neither for the request that is being answered nor for the one that comes meanwhile."""
    served = Served()
    served.receive(post(b"/limit/1", b"1"))
    first = served.requests[0]
    first.begin(200, [])
    first.announce()
    served.receive(post(b"/limit/5", b"abcde", b"Expect: 100-continue")[:-5])
    first.send(b"part")
    assert served.transport.written.endswith(b"\r\n\r\n4\r\npart\r\n")
    first.end()
    assert served.transport.written.endswith(b"0\r\n\r\n" + CONTINUE)
    served.receive(b"abcde")
    assert served.requests[1].body == b"abcde"


# what fails


async def test_an_application_that_raises_answers_500_with_an_id_and_only_that_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Issue 11, entry 10."""

    def fail_first(request: Request) -> None:
        if request.body == b"1":
            request.request_id = "the-id"
            raise KeyError("unforeseen")
        echo(request)

    served = Served(fail_first)
    with caplog.at_level(logging.ERROR):
        served.receive(post(b"/limit/1", b"1") + post(b"/limit/1", b"2"))
    head, _, rest = served.transport.written.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"x-amzn-ErrorType: ServiceException" in head
    assert b"x-amzn-RequestId: the-id" in head
    assert b"unforeseen" not in rest
    assert served.statuses == [500, 200]
    assert "unforeseen" in caplog.text


async def test_an_application_that_raises_after_its_answer_answers_once() -> None:
    def answer_and_fail(request: Request) -> None:
        echo(request)
        raise KeyError("unforeseen")

    served = Served(answer_and_fail)
    served.receive(post(b"/limit/1", b"1") + post(b"/limit/1", b"2"))
    assert served.statuses == [200, 200]


async def test_whoever_cannot_be_told_that_a_client_has_caught_up_ends_its_connection() -> None:
    def fail() -> None:
        raise KeyError("unforeseen")

    served = Served()
    served.receive(post(b"/limit/1", b"1"))
    request = served.requests[0]
    request.on_writable = request.on_gone = fail
    request.begin(200, [])
    served.connection.pause_writing()
    served.connection.resume_writing()
    assert served.transport.is_aborted
    served.connection.connection_lost(None)
    assert request.gone
    assert not served.connections.open


# the time that a client has


def expire(served: Served) -> None:
    """As the sweep does when the connection's deadline has passed."""
    served.connections.sweep(served.connection.deadline + 0.001)


async def test_a_body_that_comes_too_slowly_is_answered_408_and_gives_its_room_back() -> None:
    served = Served(connections=Connections(ClientLimits(body_timeout_s=0.0, head_timeout_s=100.0)))
    served.receive(post(b"/limit/5", b"abcde")[:-1])
    assert served.connections.payloads.held_bytes == 4
    expire(served)
    assert served.statuses == [408]
    assert served.connections.payloads.held_bytes == 0


async def test_a_second_body_has_no_more_time_because_a_first_request_is_being_served() -> None:
    """It would hold room for as long as a function runs; its 408 waits for the first answer."""
    served = Served(connections=Connections(ClientLimits(body_timeout_s=0.0, head_timeout_s=100.0)))
    served.receive(post(b"/limit/1", b"1") + post(b"/limit/5", b"abcde")[:-1])
    assert served.connections.payloads.held_bytes == 5
    expire(served)
    assert served.connections.payloads.held_bytes == 1
    assert served.transport.written == b""
    served.requests[0].respond(200, [], b"one")
    assert served.statuses == [200, 408]


async def test_a_client_that_is_not_read_from_has_all_its_time_afterwards() -> None:
    served = Served(connections=Connections(ClientLimits(body_timeout_s=0.0, head_timeout_s=100.0)))
    waiting = post(b"/limit/1", b"1") + post(b"/limit/1", b"2") + post(b"/limit/5", b"abcde")[:-1]
    served.receive(waiting)
    assert not served.transport.is_reading
    assert served.connection.deadline > asyncio.get_running_loop().time() + 50
    served.requests[0].respond(200, [], b"")
    assert served.transport.is_reading
    assert served.connection.deadline <= asyncio.get_running_loop().time()


async def test_a_stopping_server_lets_a_request_come_whose_beginning_is_here() -> None:
    served = Served(echo)
    served.receive(post(b"/limit/5", b"abcde")[:-1])
    served.connections.leaving = True
    served.connection.finish()
    assert not served.transport.is_closing()
    served.receive(b"e")
    assert served.statuses == [200]
    assert b"Connection: close" in served.transport.written
    assert served.transport.is_closing()


# all of it together

MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([b"/limit/0", b"/limit/3", b"/limit/9"]),
        st.integers(0, 9),
        st.sampled_from([(), (b"Connection: close",), (b"Expect: 100-continue",)]),
    ),
    max_size=PIPELINE_MAX,
)


@given(MESSAGES, st.lists(st.integers(0, 1_500)), st.lists(st.booleans()))
def test_answers_come_in_the_order_of_the_requests_whoever_answers_when(
    messages: list[tuple[bytes, int, tuple[bytes, ...]]], cuts: list[int], late: list[bool]
) -> None:
    """Each answer is that to the message at its place; nothing else is written between them."""
    data = b"".join(post(path, b"abcdefghi"[:size], *more) for path, size, more in messages)

    async def converse() -> bytes:
        waiting: list[Request] = []
        later = iter(late)
        served = Served(lambda one: waiting.append(one) if next(later, False) else echo(one))
        pieces = split(data, cuts)
        while pieces or waiting:
            if waiting:
                echo(waiting.pop())
            if pieces:
                served.receive(pieces.pop(0))
        return served.transport.written.replace(CONTINUE, b"")

    written = asyncio.run(converse())
    made = parse(data)
    expected = [one.path + b" " + one.body for one in made.requests]
    if made.refused is not None:
        assert made.requests[-1].keep_alive is False  # the connection ends with its answer
    bodies = []
    while written:
        head, _, written = written.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        bodies.append(written[:length])
        written = written[length:]
    assert bodies == expected


@pytest.mark.parametrize("keeps", [True, False], ids=["a client", "another gateway"])
async def test_a_client_that_ends_its_side_may_wait_and_a_gateway_that_does_so_has_gone(
    keeps: bool,
) -> None:
    """To close is all that a gateway does that gives a relayed event up: it looks the same."""
    served = Served(keeps_half_closed=keeps)
    served.receive(post(b"/limit/5", b"abcde"))
    assert served.connection.eof_received() is keeps  # False: the transport closes itself


@pytest.mark.parametrize("beside_an_error", [False, True])
async def test_what_the_connection_itself_refuses_has_its_own_status(beside_an_error: bool) -> None:
    """It raises within the parser, whose error may name another one as its context (ADR 10)."""
    crowded = Served()
    crowded.connection.data_received(post(b"/limit/0"))
    requests = post(b"/limit/0") * (PIPELINE_MAX + 1)
    homeless = HttpConnection(
        lambda request: None,
        lambda method, path, headers: BodyRule(100, is_upload=True),
        Connections(),
        on_failure=answer_failure,
    )
    transport = FakeTransport()
    homeless.connection_made(transport)
    for connection, data in ((crowded.connection, requests), (homeless, post(b"/", b"upload"))):
        if beside_an_error:
            feed_beside_an_error(connection.data_received, data)
        else:
            connection.data_received(data)
    for number in range(PIPELINE_MAX + 1):
        crowded.requests[number].respond(200, [])
    assert crowded.statuses == [200] * (PIPELINE_MAX + 1) + [400]
    assert transport.written.startswith(b"HTTP/1.1 503 ")
