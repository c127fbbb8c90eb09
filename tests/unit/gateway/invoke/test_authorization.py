"""Rule A12: every operation asks the authorizer first, and does nothing unless it is allowed."""

from collections.abc import Callable

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.access.authorizer import (
    ALLOWED,
    INVOKE_FUNCTION,
    Action,
    AnonymousAuthorizer,
    Authorizer,
    Decision,
)
from kubelambda.core.access.principal import ANONYMOUS, Principal
from kubelambda.core.access.resource import FunctionResource, Resource
from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import FunctionRef
from kubelambda.gateway.http.client_connections import Connections
from kubelambda.gateway.http.connection import HttpConnection
from kubelambda.gateway.http.request_reader import BodyRule
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.invoke.failure import answer_failure
from kubelambda.gateway.invoke.invoke_api import InvokeApi
from kubelambda.gateway.invoke.resolve import Resolver
from kubelambda.process.supervisor import Supervisor
from unit.functions import make_function
from unit.gateway.http.transports import FakeTransport

BODY_MAX = 100
ANN = Principal("user", "arn:aws:iam::123456789012:user/ann", "shop")
INVOKE = "/2015-03-31/functions/{name}/invocations"
STREAM = "/2021-11-15/functions/{name}/response-streaming-invocations"
ASYNC = "/2014-11-13/functions/{name}/invoke-async/"
OPERATIONS = [
    (INVOKE, b""),
    (INVOKE, b"X-Amz-Invocation-Type: Event\r\n"),
    (INVOKE, b"X-Amz-Invocation-Type: DryRun\r\n"),
    (STREAM, b""),
    (STREAM, b"X-Amz-Invocation-Type: DryRun\r\n"),
    (ASYNC, b""),
]
REFUSED = ApiError(403, "AccessDeniedException", "no")


class Rules:
    """An authorizer that answers as ``decide`` says, and remembers what it was asked."""

    def __init__(self, decide: Callable[[], Decision]) -> None:
        self._decide = decide
        self.asked: list[tuple[Principal, Action, Resource]] = []

    def authorize(self, principal: Principal, action: Action, resource: Resource) -> Decision:
        self.asked.append((principal, action, resource))
        return self._decide()

    def may_allow(self, action: Action) -> bool:
        return True


def refuse() -> Decision:
    return REFUSED


def allow() -> Decision:
    return ALLOWED


class World:
    """An InvokeApi for the function ``hello`` of the namespace ``shop``."""

    def __init__(self, authorizer: Authorizer, principal: Principal = ANN) -> None:
        index = FunctionIndex()
        self.account = index.account_of_namespace("shop")
        ref = FunctionRef("shop", "hello")
        index.put(make_function(ref=ref, account_id=self.account))
        index.synced = True
        self.submitted: list[Invocation] = []
        self.published: list[QueuedEvent] = []
        self.outcomes: list[str] = []
        self.api = InvokeApi(
            Resolver(index, region="us-east-1", default_namespace="shop"),
            authorizer=authorizer,
            submit=self.submitted.append,
            count=self.outcomes.append,
            events=self,
            supervisor=Supervisor(),
        )
        self._principal = principal

    async def publish(self, event: QueuedEvent) -> None:
        self.published.append(event)

    async def ask(self, path: str, headers: bytes = b"", body: bytes = b"1") -> tuple[int, bytes]:
        """Status and the whole answer without what differs from request to request."""
        connection = HttpConnection(
            lambda request: self.api.serve(request, self._principal),
            lambda *_: BodyRule(BODY_MAX),
            Connections(),
            answer_failure,
        )
        transport = FakeTransport()
        connection.connection_made(transport)
        head = f"POST {path} HTTP/1.1\r\nHost: g\r\nContent-Length: {len(body)}\r\n".encode()
        connection.data_received(head + headers + b"\r\n" + body)
        answer = await transport.wait_written()
        lines = answer.split(b"\r\n")
        kept = [one for one in lines if not one.startswith((b"x-amzn-RequestId", b"Date"))]
        return int(answer.split()[1]), b"\r\n".join(kept)

    @property
    def has_done_something(self) -> bool:
        return bool(self.submitted or self.published)


@pytest.mark.parametrize(("path", "headers"), OPERATIONS)
async def test_no_operation_does_anything_for_a_caller_who_may_not(
    path: str, headers: bytes
) -> None:
    rules = Rules(refuse)
    world = World(rules)
    status, answer = await world.ask(path.format(name="hello"), headers)
    assert status == 403
    assert b"x-amzn-ErrorType: AccessDeniedException\r\n" in answer
    assert not world.has_done_something
    assert world.outcomes == ["error_403"]
    resource = FunctionResource("us-east-1", world.account, "shop", "hello")
    assert rules.asked == [(ANN, INVOKE_FUNCTION, resource)]


@pytest.mark.parametrize(("path", "headers"), OPERATIONS)
async def test_a_caller_who_may_not_is_not_told_whether_there_is_such_a_function(
    path: str, headers: bytes
) -> None:
    """F20. Nor what else is wrong with the request."""
    off = AnonymousAuthorizer(allows_anonymous=False)
    world = World(off, ANONYMOUS)
    there = await world.ask(path.format(name="hello"), headers)
    absent = await world.ask(path.format(name="olleh"), headers)
    assert there[0] == absent[0] == 403
    assert there[1].replace(b"hello", b"olleh") == absent[1]
    assert world.account.encode() in there[1]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"", b"no JSON"),
        (b"", b"1" * (BODY_MAX + 1)),
        (b"X-Amz-Invocation-Type: Odd\r\n", b"1"),
        (b"X-Amz-Client-Context: !\r\n", b"1"),
    ],
    ids=["a payload that is no JSON", "one that is too long", "an odd type", "an odd context"],
)
async def test_may_not_comes_before_everything_else_that_is_wrong(
    headers: bytes, body: bytes
) -> None:
    assert (await World(Rules(refuse)).ask(INVOKE.format(name="hello"), headers, body))[0] == 403
    allowed = (await World(Rules(allow)).ask(INVOKE.format(name="hello"), headers, body))[0]
    assert allowed in (400, 413)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/2015-03-31/functions/hello", 404), (INVOKE.format(name="hel%20lo"), 400)],
    ids=["no operation", "no name"],
)
async def test_what_names_no_function_is_refused_without_asking(path: str, status: int) -> None:
    """There is no resource to ask about, and the answer tells nothing of functions."""
    rules = Rules(refuse)
    assert (await World(rules).ask(path))[0] == status
    assert rules.asked == []


async def test_a_dry_run_tells_who_may_invoke_and_invokes_nothing() -> None:
    header = b"X-Amz-Invocation-Type: DryRun\r\n"
    world = World(Rules(allow))
    assert (await world.ask(INVOKE.format(name="hello"), header))[0] == 204
    assert (await world.ask(INVOKE.format(name="other"), header))[0] == 404
    assert not world.has_done_something


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hello", ("shop", "hello", "")),
        ("hello:live", ("shop", "hello", "live")),
        ("123456789012:function:hello", (None, "hello", "")),
    ],
)
async def test_it_is_asked_about_what_the_caller_named(
    name: str, expected: tuple[str | None, str, str]
) -> None:
    rules = Rules(refuse)
    await World(rules).ask(INVOKE.format(name=name))
    resource = rules.asked[0][2]
    assert isinstance(resource, FunctionResource)
    assert (resource.namespace, resource.function_name, resource.qualifier) == expected


async def test_an_allowed_caller_invokes() -> None:
    world = World(Rules(allow))
    await world.ask(INVOKE.format(name="hello"), b"X-Amz-Invocation-Type: Event\r\n")
    assert [event.function_name for event in world.published] == ["hello"]


def fail() -> Decision:
    raise KeyError("unforeseen")


@pytest.mark.parametrize("decide", [fail, lambda: None, lambda: "yes", lambda: 1])
@pytest.mark.parametrize(("path", "headers"), OPERATIONS)
async def test_an_authorizer_that_fails_allows_nothing(
    decide: Callable[[], Decision], path: str, headers: bytes
) -> None:
    world = World(Rules(decide))
    status, answer = await world.ask(path.format(name="hello"), headers)
    assert status == 500
    assert b"unforeseen" not in answer
    assert not world.has_done_something
