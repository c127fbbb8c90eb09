"""The reader of requests: exactly one request for each message, whatever its limit and framing."""

import asyncio
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubelambda.core.capacity.client_limits import ClientLimits
from kubelambda.gateway.http.body_budget import BodyBudget
from kubelambda.gateway.http.request_reader import DRAIN_BYTES_MAX, RefusedError
from unit.gateway.http.reading import FakeReceiver, Read, build_reader, parse, read, split

NEXT = b"GET /limit/0 HTTP/1.1\r\nHost: g\r\n\r\n"
SERVED_NEXT = Read(b"/limit/0", b"")
BIG = DRAIN_BYTES_MAX + 1


def encode(limit: int, *headers: bytes, rest: bytes = b"", version: bytes = b"1.1") -> bytes:
    """A POST with a limit for its body, its headers, and what follows the head."""
    lines = [b"POST /limit/%d HTTP/%b" % (limit, version), b"Host: g", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + rest


def frame(framing: str, body: bytes) -> tuple[list[bytes], bytes]:
    """The headers for ``body``, and the body as it goes over the wire."""
    if framing == "length":
        return [b"Content-Length: %d" % len(body)], body
    if framing == "leading zeros":
        return [b"Content-Length: 00%d" % len(body)], body
    extension = b";name=value" if framing == "extensions" else b""
    step = 1 if framing == "tiny chunks" else 3
    parts = [body[at : at + step] for at in range(0, len(body), step)]
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(one), extension, one) for one in parts)
    trailers = b"X-Trailer: 1\r\nHost: other\r\n" if framing == "trailers" else b""
    return [b"Transfer-Encoding: chunked"], chunks + b"0" + extension + b"\r\n" + trailers + b"\r\n"


FRAMINGS = ["length", "leading zeros", "chunks", "tiny chunks", "extensions", "trailers"]


@pytest.mark.parametrize("cut", ["whole", "each byte", "head and body"])
@pytest.mark.parametrize("size", [0, 1, 4, 5, 6])
@pytest.mark.parametrize("limit", [0, 1, 5])
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_message_is_one_request_and_the_next_one_is_read_after_it(
    framing: str, limit: int, size: int, cut: str
) -> None:
    """Issue 11, entry 1: also where the limit is 0; a body over it is read to its end."""
    body = b"abcdef"[:size]
    headers, rest = frame(framing, body)
    data = encode(limit, *headers, rest=rest) + NEXT
    places = {
        "whole": [],
        "each byte": range(len(data)),
        "head and body": [data.index(b"g\r\n") + 5],
    }
    made, receiver = read(split(data, list(places[cut])))
    over = size > limit
    own = Read(b"/limit/%d" % limit, b"" if over else body, limit if over else None)
    assert made.requests == [own, SERVED_NEXT]
    assert made.refused is None
    assert receiver.invitations == 0


@pytest.mark.parametrize("beside_an_error", [False, True])
@pytest.mark.parametrize("cut", ["whole", "each byte"])
@pytest.mark.parametrize("limit", [0, 1, DRAIN_BYTES_MAX])
def test_a_body_too_long_to_be_read_is_one_request_and_nothing_after_it_is_read(
    limit: int, cut: str, beside_an_error: bool
) -> None:
    """Its rest is no request, however much it looks like one."""
    hidden = NEXT * (BIG // len(NEXT) + 1)
    data = encode(limit, b"Content-Length: %d" % len(hidden), rest=hidden) + NEXT
    pieces = split(data, range(len(data)) if cut == "each byte" else [])
    made, _ = read(pieces, beside_an_error=beside_an_error)
    path = b"/limit/%d" % limit
    assert made.requests == [Read(path, b"", limit, unread=True, keep_alive=False)]
    assert made.refused is None


@pytest.mark.parametrize("limit", [0, 1, DRAIN_BYTES_MAX])
def test_chunks_that_never_end_are_one_request_and_nothing_after_it_is_read(limit: int) -> None:
    chunk = b"%x\r\n%b\r\n" % (len(NEXT), NEXT)
    made, _ = read(
        [encode(limit, b"Transfer-Encoding: chunked"), *[chunk] * (BIG // len(NEXT) + 9)]
    )
    path = b"/limit/%d" % limit
    assert made.requests == [Read(path, b"", limit, unread=True, keep_alive=False)]


@pytest.mark.parametrize(
    ("limit", "headers", "invitations", "unread"),
    [
        (5, [b"Content-Length: 5"], 1, False),
        (5, [b"Transfer-Encoding: chunked"], 1, False),
        (0, [b"Content-Length: 5"], 0, True),
        (4, [b"Content-Length: 5"], 0, True),
        (0, [b"Transfer-Encoding: chunked"], 0, True),
    ],
)
def test_a_client_that_waits_is_invited_or_answered_and_never_both(
    limit: int, headers: list[bytes], invitations: int, unread: bool
) -> None:
    """One that was not invited may send its body or not: nothing more can be read for sure."""
    is_chunked = headers[0].startswith(b"Transfer")
    rest = b"5\r\nabcde\r\n0\r\n\r\n" if is_chunked else b"abcde"
    head = encode(limit, *headers, b"Expect: 100-Continue")
    made, receiver = read([head, rest, NEXT])
    assert receiver.invitations == invitations
    assert made.requests[0].unread is unread
    assert len(made.requests) == (1 if unread else 2)


def test_a_client_of_http_1_0_is_not_invited() -> None:
    """It knows no interim answers, and would take one for the answer."""
    head = encode(5, b"Content-Length: 1", b"Expect: 100-continue", version=b"1.0")
    made, receiver = read([head, b"1"])
    assert receiver.invitations == 0
    assert [one.body for one in made.requests] == [b"1"]


@pytest.mark.parametrize(
    ("status", "data"),
    {
        "an offer to upgrade": (400, encode(5, b"Connection: upgrade", b"Upgrade: h2c")),
        "an offer with a body": (
            400,
            encode(0, b"Connection: upgrade", b"Upgrade: h2c", b"Content-Length: 1", rest=b"1"),
        ),
        "CONNECT": (400, b"CONNECT g:1 HTTP/1.1\r\nHost: g\r\n\r\n"),
        "more zeros than a number has": (400, encode(5, b"Content-Length: " + b"0" * 5_000 + b"1")),
        "a coding under chunked": (400, encode(5, b"Transfer-Encoding: gzip, chunked")),
        "chunks in HTTP/1.0": (400, encode(5, b"Transfer-Encoding: chunked", version=b"1.0")),
        "another version": (505, b"GET /limit/0 HTTP/2.0\r\nHost: g\r\n\r\n"),
        "a trailer without end": (
            431,
            encode(0, b"Transfer-Encoding: chunked", rest=b"0\r\n") + b"X: " + b"a" * 20_000,
        ),
    }.values(),
)
@pytest.mark.parametrize("before", [b"", NEXT], ids=["first", "second"])
@pytest.mark.parametrize("beside_an_error", [False, True])
def test_what_is_refused_is_no_request_and_ends_the_reading(
    before: bytes, status: int, data: bytes, beside_an_error: bool
) -> None:
    pieces = split(before + data, range(0, len(data), 7_000))
    more = [b"a" * 30_000] * 3 if status == 431 else [NEXT]
    made, _ = read([*pieces, *more], beside_an_error=beside_an_error)
    assert made.refused == status
    assert made.requests == ([SERVED_NEXT] if before else [])


@pytest.mark.parametrize("limit", [0, 5])
def test_what_stands_around_chunks_is_bounded_whatever_the_limit(limit: int) -> None:
    head = encode(limit, b"Transfer-Encoding: chunked", rest=b"1;x=")
    made, _ = read([head, *[b"a" * 10_000] * 10])
    assert (made.requests, made.refused) == ([], 431)


def test_what_follows_the_last_request_of_a_connection_is_refused_after_it() -> None:
    made, _ = read([encode(1, b"Connection: close", b"Content-Length: 1", rest=b"1") + NEXT])
    assert [one.body for one in made.requests] == [b"1"]
    assert made.refused == 400


def test_a_body_is_charged_by_what_has_come_until_its_request_is_released() -> None:
    async def check() -> None:
        receiver = FakeReceiver(BodyBudget(1_000))
        reader = build_reader(receiver)
        reader.feed(encode(500, b"Content-Length: 400", rest=b"x" * 100))
        assert receiver.budget.held_bytes == 100
        reader.feed(b"x" * 300)
        assert receiver.budget.held_bytes == 400
        receiver.received[0].release()
        receiver.received[0].release()
        assert receiver.budget.held_bytes == 0
        reader.feed(encode(500, b"Content-Length: 400", rest=b"x" * 100))
        reader.stop()
        assert receiver.budget.held_bytes == 0

    asyncio.run(check())


def test_a_body_for_which_there_is_no_room_is_refused_and_gives_its_room_back() -> None:
    async def check() -> None:
        receiver = FakeReceiver(BodyBudget(100))
        reader = build_reader(receiver)
        reader.feed(encode(500, b"Content-Length: 400", rest=b"x" * 50))
        with pytest.raises(RefusedError) as refused:
            reader.feed(b"x" * 350)
        assert refused.value.status == 503
        assert receiver.budget.held_bytes == 0
        reader.feed(NEXT)
        assert receiver.received == []

    asyncio.run(check())


def test_a_body_may_never_stall_for_longer_than_its_timeout_however_much_has_come() -> None:
    """Entry 9: what came fast earns no allowance for later (45 minutes for 45 MB before)."""

    async def check() -> None:
        limits = ClientLimits(head_timeout_s=100.0, body_timeout_s=10.0)
        loop = asyncio.get_running_loop()
        receiver = FakeReceiver()
        reader = build_reader(receiver, limits)
        assert reader.deadline == math.inf
        reader.feed(encode(50_000_000, b"Content-Length: 50000000"))
        first = reader.deadline
        assert first <= loop.time() + 10.0
        reader.feed(b"x" * 10)
        assert first < reader.deadline < first + 0.001
        for _ in range(40):
            reader.feed(b"x" * 1_000_000)
        assert reader.deadline <= loop.time() + 10.0
        reader.feed(b"x" * (50_000_000 - 40_000_010))
        assert reader.deadline == math.inf
        assert [len(one.body) for one in receiver.received] == [50_000_000]

    asyncio.run(check())


def test_line_ends_between_requests_are_no_beginning_of_one() -> None:
    """Else an idle connection would be answered 408, which its next request would take for its."""

    async def check() -> None:
        reader = build_reader(FakeReceiver())
        reader.feed(NEXT + b"\r\n")
        assert not reader.is_in_request
        assert reader.deadline == math.inf

    asyncio.run(check())


# the reader against the reference

SIZES = st.one_of(st.integers(0, 12), st.sampled_from([DRAIN_BYTES_MAX, BIG]))
MESSAGES = st.builds(
    lambda limit, framing, size, more: (limit, framing, size, more),
    st.sampled_from([0, 1, 5, 10, DRAIN_BYTES_MAX, BIG]),
    st.sampled_from([*FRAMINGS, "none"]),
    SIZES,
    st.lists(
        st.sampled_from([b"Connection: close", b"Expect: 100-continue", b"X-Header: value"]),
        unique=True,
    ),
)
CUTS = st.lists(st.integers(0, 4_000), max_size=30)


def build_message(limit: int, framing: str, size: int, more: list[bytes]) -> bytes:
    if framing == "none":
        return encode(limit, *more)
    if size > 100 and framing != "length":
        framing = "length"  # chunks of three bytes would be many
    body = (NEXT * (size // len(NEXT) + 1))[:size]
    headers, rest = frame(framing, body)
    return encode(limit, *headers, *more, rest=rest)


@given(st.lists(MESSAGES, min_size=1, max_size=5), CUTS, st.integers(0, 60))
@example([(0, "length", 5, []), (0, "length", 5, [])], [], 0)
def test_the_reader_agrees_with_the_reference_wherever_the_bytes_are_cut(
    messages: list[tuple[int, str, int, list[bytes]]], cuts: list[int], missing: int
) -> None:
    data = b"".join(build_message(*one) for one in messages)
    data = data[: len(data) - missing]
    made, receiver = read(split(data, cuts))
    assert made == parse(data)
    for request in receiver.received:
        request.release()
    assert receiver.budget.held_bytes == 0


@given(
    st.lists(MESSAGES, min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), min_size=1, max_size=4),
    CUTS,
)
def test_damaged_bytes_mean_the_same_wherever_they_are_cut(
    messages: list[tuple[int, str, int, list[bytes]]],
    damages: list[tuple[int, bytes]],
    cuts: list[int],
) -> None:
    """Two readings of the same bytes would let one of them hide a request from the other."""
    whole = b"".join(
        build_message(limit, framing, size % 13, more) for limit, framing, size, more in messages
    )
    damaged = bytearray(whole)
    for place, put in damages:
        damaged[place : place + len(put)] = put
    data = bytes(damaged)
    made, _ = read([data])
    assert read(split(data, cuts))[0] == made
    assert read(split(data, range(len(data))))[0] == made
