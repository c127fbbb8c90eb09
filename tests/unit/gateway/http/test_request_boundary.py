"""What nobody foresaw ends one request with 500, its id and a line in the log, and nothing else."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.access.authorizer import AnonymousAuthorizer
from kubelambda.core.access.principal import ANONYMOUS
from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.capacity.client_limits import ClientLimits
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.packages.code_zip import build_inline_zip
from kubelambda.core.wire.package_transfer import UPLOAD_PATH
from kubelambda.gateway.http.client_connections import ClientConnection, Connections
from kubelambda.gateway.http.connection import HttpConnection
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.http.request_reader import BodyRule
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.invoke.failure import answer_failure
from kubelambda.gateway.invoke.invoke_api import InvokeApi
from kubelambda.gateway.invoke.resolve import Resolver
from kubelambda.gateway.packages.package_api import PackageApi
from kubelambda.gateway.packages.package_cache import PackageCache
from kubelambda.process.supervisor import Supervisor
from unit.functions import make_function
from unit.gateway.http.transports import FakeTransport
from unit.signing import make_signatures

PATH = b"/2015-03-31/functions/hello/invocations"
EVENT = b"X-Amz-Invocation-Type: Event"


class Published:
    """A sink of events that can fail in a way that nobody foresaw."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.events: list[QueuedEvent] = []

    async def publish(self, event: QueuedEvent) -> None:
        if self.error is not None:
            raise self.error
        self.events.append(event)


class Api:
    """An ``InvokeApi`` on a connection of its own."""

    def __init__(self, sink: Published, submit: Callable[[Invocation], None]) -> None:
        index = FunctionIndex()
        index.put(make_function(ref=FunctionRef("default", "hello"), uid="uid-hello"))
        index.synced = True
        self.supervisor = Supervisor()
        self.outcomes: list[str] = []
        api = InvokeApi(
            Resolver(index, region="us-east-1", default_namespace="default"),
            authorizer=AnonymousAuthorizer(allows_anonymous=True),
            submit=submit,
            count=self.outcomes.append,
            events=sink,
            supervisor=self.supervisor,
        )
        self.served = serve(lambda request: api.serve(request, ANONYMOUS))

    async def ask(self, *headers: bytes) -> bytes:
        """The answer to one invocation."""
        self.send(*headers)
        return await read_answer(self.served)

    def send(self, *headers: bytes) -> None:
        lines = [b"POST " + PATH + b" HTTP/1.1", b"Host: g", b"Content-Length: 1", *headers]
        self.served[0].data_received(b"\r\n".join(lines) + b"\r\n\r\n1")


def serve(application: Callable[[Request], None]) -> tuple[HttpConnection, FakeTransport]:
    connection = HttpConnection(
        application, lambda *_: BodyRule(1_000), Connections(), on_failure=answer_failure
    )
    transport = FakeTransport()
    connection.connection_made(transport)
    return connection, transport


async def read_answer(served: tuple[HttpConnection, FakeTransport]) -> bytes:
    return await served[1].wait_written()


def is_failure(answer: bytes) -> bool:
    """One answer, 500, with all that a client needs to report it."""
    return (
        answer.startswith(b"HTTP/1.1 500 ")
        and answer.count(b"HTTP/1.1") == 1
        and b"x-amzn-ErrorType: ServiceException\r\n" in answer
        and b"x-amzn-RequestId: " in answer
        and b"unforeseen" not in answer
    )


def nothing(_: Invocation) -> None:
    """Never answers."""


async def test_an_event_that_cannot_be_published_for_an_unforeseen_reason_is_answered_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = Api(Published(KeyError("unforeseen")), nothing)
    with caplog.at_level(logging.ERROR):
        answer = await api.ask(EVENT)
    assert is_failure(answer)
    assert api.outcomes == ["error_500"]
    request_id = answer.partition(b"x-amzn-RequestId: ")[2].split(b"\r\n")[0].decode()
    assert request_id in caplog.text
    assert "unforeseen" in caplog.text


async def test_an_accepted_event_names_the_function_object_that_it_is_for() -> None:
    sink = Published()
    answer = await Api(sink, nothing).ask(EVENT)
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert [one.function_uid for one in sink.events] == ["uid-hello"]


async def test_an_invocation_that_cannot_be_submitted_is_answered_500() -> None:
    def fail(_: Invocation) -> None:
        raise KeyError("unforeseen")

    api = Api(Published(), fail)
    assert is_failure(await api.ask())
    api.served[1].written = b""
    assert is_failure(await api.ask())


async def test_an_outcome_that_cannot_be_written_is_answered_500_and_harms_no_one_else() -> None:
    """Whoever brings it, such as an environment's link, goes on."""
    taken: list[Invocation] = []
    api = Api(Published(), taken.append)
    api.send(b"X-Amz-Log-Type: Tail")
    taken[0].finish(Outcome(b"1", function_error=False, tail="no latin-1: ☃"))
    assert is_failure(await read_answer(api.served))


class OddStore:
    """A store of packages that fails in a way that nobody foresaw."""

    async def put(self, sha256: str, content: bytes) -> None:
        raise KeyError("unforeseen")

    async def has(self, sha256: str) -> bool:
        return False

    async def fetch(self, sha256: str, target: Path) -> None:
        """Finds nothing."""


async def test_a_package_that_cannot_be_kept_for_an_unforeseen_reason_is_answered_500(
    tmp_path: Path,
) -> None:
    api = PackageApi(
        PackageCache(OddStore(), tmp_path, Supervisor()),
        FunctionIndex(),
        lambda *_: None,
        signatures=make_signatures(b"k" * 32),
        authorizer=AnonymousAuthorizer(allows_anonymous=True),
        supervisor=Supervisor(),
    )
    served = serve(lambda request: api.serve_upload(request, ANONYMOUS))
    content = build_inline_zip({"app.py": ""})
    path = f"{UPLOAD_PATH}{hashlib.sha256(content).hexdigest()}".encode()
    length = str(len(content)).encode()
    served[0].data_received(
        b"PUT "
        + path
        + b" HTTP/1.1\r\nHost: g\r\nContent-Length: "
        + length
        + b"\r\n\r\n"
        + content
    )
    assert is_failure(await read_answer(served))


class OddConnection:
    """A connection that cannot be ended as it should."""

    deadline = 0.0
    aborted = False

    def expire(self) -> None:
        raise KeyError("unforeseen")

    def finish(self) -> None:
        """Not used."""

    def abort(self) -> None:
        self.aborted = True


async def test_a_connection_that_cannot_be_ended_does_not_end_the_sweep() -> None:
    connections = Connections(ClientLimits())
    odd: list[ClientConnection] = [OddConnection(), OddConnection()]
    for one in odd:
        assert connections.count_in(one, "a")
    connections.sweep(1.0)
    assert all(isinstance(one, OddConnection) and one.aborted for one in odd)
