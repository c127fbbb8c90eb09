"""A request is served once its caller is known, and never otherwise (rule A12)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from kubelambda.core.access.principal import ANONYMOUS, Principal
from kubelambda.core.errors import ApiError
from kubelambda.gateway.access.authentication import Authentication
from kubelambda.gateway.access.authenticator import (
    AnonymousAuthenticator,
    Authenticator,
    Caller,
    SignedRequest,
)
from kubelambda.gateway.http.client_connections import Connections
from kubelambda.gateway.http.connection import HttpConnection
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.http.request_reader import BodyRule
from kubelambda.gateway.invoke.failure import answer_failure
from kubelambda.process.supervisor import Supervisor
from unit.gateway.http.transports import FakeTransport

ANN = Principal("user", "arn:aws:iam::123456789012:user/ann", "shop")
REFUSED = ApiError(403, "UnrecognizedClientException", "The security token is invalid.")
BODY_MAX = 10


class Asked:
    """An authenticator that answers ``answer``, or what ``answer`` makes of the request."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def authenticate(self, request: SignedRequest) -> Caller | Awaitable[Caller]:
        return self._answer(request) if callable(self._answer) else self._answer


class Slow:
    """An authenticator that really waits: for ``settle``."""

    def __init__(self) -> None:
        self.asked = 0
        self._answer: asyncio.Future[Caller] = asyncio.get_running_loop().create_future()

    async def authenticate(self, request: SignedRequest) -> Caller:
        self.asked += 1
        return await asyncio.shield(self._answer)

    def settle(self, caller: Caller) -> None:
        self._answer.set_result(caller)


class Door:
    """A connection with an authenticator in front of an application that answers 200."""

    def __init__(self, authenticator: Authenticator, wait_s: float = 60.0) -> None:
        self.served: list[tuple[Request, Principal]] = []
        self.supervisor = Supervisor()
        self.connections = Connections()
        front = Authentication(authenticator, self._serve, self.supervisor, wait_s)
        self.connection = HttpConnection(
            front.serve, lambda *_: BodyRule(BODY_MAX), self.connections, answer_failure
        )
        self.transport = FakeTransport()
        self.connection.connection_made(self.transport)

    def _serve(self, request: Request, principal: Principal) -> None:
        self.served.append((request, principal))
        if b"fails" in request.headers:
            raise KeyError("unforeseen")
        request.respond(413 if request.over_limit is not None else 200, [], request.body)

    def send(self, body: bytes = b"1", *headers: bytes) -> None:
        lines = [b"POST /a HTTP/1.1", b"Host: g", b"Content-Length: %d" % len(body), *headers]
        self.connection.data_received(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    async def read_answer(self) -> bytes:
        return await self.transport.wait_written()


async def settle_loop() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("header", [b"Accept: a", b"Authorization: AWS4-HMAC-SHA256 nonsense"])
async def test_every_caller_is_anonymous_whatever_it_sends(header: bytes) -> None:
    """SDKs sign with credentials that mean nothing here."""
    door = Door(AnonymousAuthenticator())
    door.send(b"1", header)
    assert [principal for _, principal in door.served] == [ANONYMOUS], "at once"
    assert (await door.read_answer()).startswith(b"HTTP/1.1 200 ")


async def test_the_authenticator_sees_what_a_signature_covers() -> None:
    seen: list[object] = []

    def authenticate(request: SignedRequest) -> Caller:
        seen.append((request.method, request.path, request.query, request.body))
        seen.append(request.headers[b"x-amz-date"])
        return ANN

    door = Door(Asked(authenticate))
    door.connection.data_received(
        b"POST /a%20b?x=1 HTTP/1.1\r\nHost: g\r\nX-Amz-Date: d\r\nContent-Length: 1\r\n\r\n1"
    )
    assert seen == [(b"POST", b"/a%20b", b"x=1", b"1"), b"d"]
    assert [principal for _, principal in door.served] == [ANN]


async def test_a_caller_that_is_not_known_at_once_is_waited_for() -> None:
    slow = Slow()
    door = Door(slow)
    door.send(b"body")
    await settle_loop()
    assert slow.asked == 1
    assert door.served == []
    assert door.transport.written == b""
    slow.settle(ANN)
    answer = await door.read_answer()
    assert [principal for _, principal in door.served] == [ANN]
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"body")


@pytest.mark.parametrize("is_slow", [False, True])
async def test_a_refusal_is_answered_and_nothing_is_served(is_slow: bool) -> None:
    slow = Slow()
    door = Door(slow if is_slow else Asked(REFUSED))
    door.send()
    if is_slow:
        slow.settle(REFUSED)
    answer = await door.read_answer()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"x-amzn-ErrorType: UnrecognizedClientException\r\n" in answer
    assert b"x-amzn-RequestId: " in answer
    assert door.served == []


async def test_the_requests_of_one_connection_keep_their_order() -> None:
    slow = Slow()
    door = Door(slow)
    door.send(b"one")
    door.send(b"two")
    await settle_loop()
    assert slow.asked == 1, "the second one waits for the answer to the first"
    slow.settle(ANN)
    async with asyncio.timeout(60):
        while door.transport.written.count(b"HTTP/1.1 200 ") < 2:
            await asyncio.sleep(0)
    assert door.transport.written.index(b"one") < door.transport.written.index(b"two")


async def test_a_client_that_goes_meanwhile_is_not_served() -> None:
    slow = Slow()
    door = Door(slow)
    door.send()
    await settle_loop()
    door.connection.connection_lost(None)
    slow.settle(ANN)
    await settle_loop()
    assert door.served == []
    assert door.connections.payloads.held_bytes == 0


async def test_a_body_over_the_limit_is_not_kept_while_its_caller_is_waited_for() -> None:
    slow = Slow()
    door = Door(slow)
    door.send(b"x" * (BODY_MAX + 1))
    await settle_loop()
    assert door.connections.payloads.held_bytes == 0
    slow.settle(ANN)
    answer = await door.read_answer()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert [(one.over_limit, one.body) for one, _ in door.served] == [(BODY_MAX, b"")]


async def test_a_body_is_charged_to_its_client_until_the_answer() -> None:
    slow = Slow()
    door = Door(slow)
    door.send(b"12345")
    await settle_loop()
    assert door.connections.payloads.held_bytes == 5
    slow.settle(REFUSED)
    await door.read_answer()
    assert door.connections.payloads.held_bytes == 0


async def fail_late(_: SignedRequest) -> Caller:
    await asyncio.sleep(0)
    raise KeyError("unforeseen")


def fail_now(_: SignedRequest) -> Caller:
    raise KeyError("unforeseen")


async def answer_nothing(_: SignedRequest) -> None:
    """Forgets to say who it is."""


async def answer_true(_: SignedRequest) -> bool:
    return True


@pytest.mark.parametrize("broken", [fail_now, fail_late, answer_nothing, answer_true, None, True])
async def test_an_authenticator_that_fails_lets_nobody_in(
    broken: Callable[[SignedRequest], Any] | bool | None,
) -> None:
    door = Door(Asked(broken))
    door.send()
    answer = await door.read_answer()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"unforeseen" not in answer
    assert door.served == []


async def test_a_caller_that_never_becomes_known_is_not_waited_for_without_end() -> None:
    door = Door(Slow(), wait_s=0.01)
    door.send()
    answer = await door.read_answer()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert door.served == []


@pytest.mark.parametrize("is_slow", [False, True])
async def test_an_application_that_fails_is_answered_500(is_slow: bool) -> None:
    slow = Slow()
    door = Door(slow if is_slow else AnonymousAuthenticator())
    door.send(b"1", b"fails: yes")
    if is_slow:
        slow.settle(ANN)
    assert (await door.read_answer()).startswith(b"HTTP/1.1 500 ")
