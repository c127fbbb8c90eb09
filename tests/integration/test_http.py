"""Hostile and unusual HTTP at the public listener (rule A11, F14, F15)."""

import pytest

from integration.conftest import Installation

ECHO = "def handler(event, context):\n    return event\n"
PATH = b"/2015-03-31/functions/echo/invocations"
HOST = b"Host: gateway\r\n"
LINE = b"POST " + PATH + b" HTTP/1.1\r\n"

REFUSED = {
    "Content-Length and Transfer-Encoding": LINE
    + HOST
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n",
    "two different Content-Length": LINE
    + HOST
    + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n12",
    "Transfer-Encoding: xchunked": LINE + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": LINE + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "two Transfer-Encoding": LINE
    + HOST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a doubled Host": LINE + HOST + b"Host: other\r\nContent-Length: 1\r\n\r\n1",
    "no Host": LINE + b"Content-Length: 1\r\n\r\n1",
    "bare line feeds": LINE.replace(b"\r\n", b"\n") + b"Host: gateway\nContent-Length: 1\n\n1",
    "NUL in a value": LINE + HOST + b"X-A: a\x00b\r\nContent-Length: 1\r\n\r\n1",
    "chunk size 0x3": LINE + HOST + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "a header of 20 KB": LINE + HOST + b"X-A: " + b"a" * 20_000 + b"\r\nContent-Length: 1\r\n\r\n1",
    "500 headers": LINE
    + HOST
    + b"".join(b"X-%d: 1\r\n" % n for n in range(500))
    + b"Content-Length: 1\r\n\r\n1",
    "a folded header": LINE + HOST + b"X-A: a\r\n b\r\nContent-Length: 1\r\n\r\n1",
    "a head without end": LINE + HOST + b"X-A: " + b"a" * 200_000,
    "a target of 20 KB": b"POST /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
async def test_a_hostile_request_is_refused_and_the_connection_closed(
    installation: Installation, request_bytes: bytes
) -> None:
    """400 or 431, and nothing after it is served: no smuggling."""
    installation.put("echo", ECHO)
    smuggled = LINE + HOST + b"Content-Length: 1\r\n\r\n7"
    answer = await installation.converse(request_bytes, smuggled)
    assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in answer


async def test_pipelined_requests_are_answered_in_order(installation: Installation) -> None:
    installation.put("echo", ECHO)
    requests = b"".join(
        LINE + HOST + b"Content-Length: 1\r\n\r\n" + str(n).encode() for n in range(5)
    )
    answer = await installation.converse(requests, close=True)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_chunked_body_is_put_together(installation: Installation) -> None:
    installation.put("echo", ECHO)
    head = LINE + HOST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = await installation.converse(head, b"2\r\n[1\r\n", b"3\r\n,2]\r\n", b"0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\n[1, 2]")


async def test_expect_continue_is_answered_before_the_body(installation: Installation) -> None:
    installation.put("echo", ECHO)
    head = LINE + HOST + b"Content-Length: 1\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    answer = await installation.converse(head, b"5")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


async def test_a_body_that_announces_too_much_is_refused_before_it_comes(
    installation: Installation,
) -> None:
    """F15: 413 from the head alone."""
    installation.put("echo", ECHO)
    answer = await installation.converse(LINE + HOST + b"Content-Length: 6291457\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"x-amzn-ErrorType: RequestEntityTooLargeException" in answer


async def test_a_chunked_body_without_length_is_cut_at_the_limit(
    installation: Installation,
) -> None:
    installation.put("echo", ECHO)
    head = LINE + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b"1" * 0x100000 + b"\r\n"
    answer = await installation.converse(head, *([chunk] * 7))
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/1.1\r\n",
        b"GET " + PATH + b" HTTP/1.1\r\n",
        b"POST /link/v1 HTTP/1.1\r\n",
        b"POST /2015-03-31/functions//invocations HTTP/1.1\r\n",
        b"POST /2015-03-31/functions/a/b/invocations HTTP/1.1\r\n",
        b"GET /metrics HTTP/1.1\r\n",
    ],
)
async def test_what_is_no_operation_is_404(installation: Installation, request_line: bytes) -> None:
    """Rule A6: the public listener answers 404 to internal routes."""
    answer = await installation.converse(request_line + HOST + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"UnknownOperationException" in answer
    assert b"functions are made and changed as LambdaFunction objects" in answer, "not by the API"


async def test_every_answer_carries_a_request_id(installation: Installation) -> None:
    answer = await installation.converse(LINE + HOST + b"Connection: close\r\n\r\n")
    assert b"x-amzn-RequestId: " in answer
