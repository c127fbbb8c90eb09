"""The client against an HTTP server on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from kubernetes.client import Configuration
from prometheus_client import CollectorRegistry

from kubelambda.kube.client import KubeClient, connect_plainly
from kubelambda.kube.errors import (
    AlreadyExistsError,
    ExpiredError,
    FencedError,
    InvalidError,
    UnavailableError,
)
from kubelambda.kube.paths import CONFIG_MAPS, FUNCTIONS, PODS, SECRETS
from kubelambda.kube.request_counter import RequestCounter
from ports import free_port


class Lines(list[Any]):
    """An answer of one JSON object in each line."""


class Recorder(ThreadingHTTPServer):
    """Answers what it was told to, and remembers what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str, str, Any]] = []
        self.answers: list[tuple[int, Any]] = []


class Handler(BaseHTTPRequestHandler):
    def handle_any(self) -> None:
        server = self.server
        assert isinstance(server, Recorder)
        length = int(self.headers.get("Content-Length") or 0)
        content = json.loads(self.rfile.read(length)) if length else None
        kind = self.headers.get("Content-Type") or ""
        server.asked.append((self.command, self.path, kind, content))
        status, answer = server.answers.pop(0) if server.answers else (200, {})
        lines = answer if isinstance(answer, Lines) else [answer]
        data = b"\n".join(json.dumps(line).encode() for line in lines)
        data += b"\n" if isinstance(answer, Lines) else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815  # the library's names

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the library's name
        del format, arguments


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder() as recorder:
        thread = threading.Thread(target=recorder.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield recorder
        recorder.shutdown()
        thread.join()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def make_client(server: Recorder, registry: CollectorRegistry, **more: Any) -> KubeClient:
    configuration = Configuration(host=f"http://127.0.0.1:{server.server_port}")
    configuration.proxy = None
    configuration.retries = False
    configuration.api_key["BearerToken"] = "token"
    return KubeClient(configuration, RequestCounter(registry), threads=1, **more)


async def test_a_post_names_its_field_manager_and_is_counted(
    server: Recorder, registry: CollectorRegistry
) -> None:
    client = make_client(server, registry)
    await client.create(SECRETS, "apps", {"a": 1}, manager="me")
    assert server.asked == [
        ("POST", "/api/v1/namespaces/apps/secrets?fieldManager=me", "application/json", {"a": 1})
    ]
    labels = {"verb": "create", "resource": "secrets"}
    assert registry.get_sample_value("kubelambda_controller_api_requests_total", labels) == 1
    client.close()


async def test_an_apply_and_a_patch_say_what_kind_of_patch_they_are(
    server: Recorder, registry: CollectorRegistry
) -> None:
    client = make_client(server, registry)
    await client.apply(PODS, "apps", {"metadata": {"name": "p"}}, manager="me")
    await client.patch(PODS, "apps", "p", {}, manager="me", subresource="resize")
    assert [request[2] for request in server.asked] == [
        "application/apply-patch+yaml",
        "application/merge-patch+json",
    ]
    assert server.asked[0][1].endswith("/pods/p?fieldManager=me&force=true")
    assert server.asked[1][1].endswith("/pods/p/resize?fieldManager=me")
    client.close()


async def test_a_delete_is_bound_to_the_uid(server: Recorder, registry: CollectorRegistry) -> None:
    client = make_client(server, registry)
    await client.delete(PODS, "apps", "p", uid="u")
    assert server.asked[0][3]["preconditions"] == {"uid": "u"}
    client.close()


async def test_a_list_goes_on_until_the_last_page(
    server: Recorder, registry: CollectorRegistry
) -> None:
    client = make_client(server, registry)
    server.answers = [
        (200, {"items": [{"n": 1}], "metadata": {"continue": "next"}}),
        (200, {"items": [{"n": 2}], "metadata": {}}),
    ]
    pages = [page async for page in client.list_pages(CONFIG_MAPS, None, page_items=1)]
    assert pages == [[{"n": 1}], [{"n": 2}]]
    assert server.asked[1][1] == "/api/v1/configmaps?limit=1&continue=next"
    client.close()


async def test_a_list_of_nothing_may_say_null(
    server: Recorder, registry: CollectorRegistry
) -> None:
    """As the API server's lists of metadata do: the resync of an empty cluster ended us."""
    client = make_client(server, registry)
    server.answers = [(200, {"items": None, "metadata": {}})]
    pages = [page async for page in client.list_pages(CONFIG_MAPS, None, metadata_only=True)]
    assert pages == [[]]
    client.close()


async def test_the_fence_stops_every_write_and_no_read(
    server: Recorder, registry: CollectorRegistry
) -> None:
    """F4: a leader that was stopped and resumed sends nothing any more."""

    def fence() -> None:
        raise FencedError("over")

    client = make_client(server, registry, fence=fence)
    writes = [
        client.create(PODS, "apps", {}, manager="me"),
        client.apply(PODS, "apps", {"metadata": {"name": "p"}}, manager="me"),
        client.patch(PODS, "apps", "p", {}, manager="me"),
        client.replace(PODS, "apps", {"metadata": {"name": "p"}}),
        client.delete(PODS, "apps", "p", uid="u"),
    ]
    for write in writes:
        with pytest.raises(FencedError):
            await write
    await client.get(PODS, "apps", "p")
    assert [request[0] for request in server.asked] == ["GET"]
    client.close()


async def test_a_refusal_keeps_the_words_of_the_api_server(
    server: Recorder, registry: CollectorRegistry
) -> None:
    client = make_client(server, registry)
    server.answers = [(409, {"reason": "AlreadyExists", "message": "it is there"})]
    with pytest.raises(AlreadyExistsError, match="it is there"):
        await client.create(PODS, "apps", {}, manager="me")
    client.close()


async def test_no_answer_is_not_repeated_below_the_caller(
    server: Recorder, registry: CollectorRegistry
) -> None:
    """A repeat below the fence could come too late."""
    client = make_client(server, registry)
    server.answers = [(503, {}), (200, {})]
    with pytest.raises(UnavailableError):
        await client.create(PODS, "apps", {}, manager="me")
    assert len(server.asked) == 1
    client.close()


async def test_a_watch_gives_its_events_until_the_server_ends_it(
    server: Recorder, registry: CollectorRegistry
) -> None:
    client = make_client(server, registry)
    added = {"type": "ADDED", "object": {"metadata": {"name": "one", "resourceVersion": "8"}}}
    marked = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}
    server.answers = [(200, Lines([added, marked]))]
    events = [event async for event in client.watch(PODS, "apps", "7")]
    assert [(event.type, event.manifest) for event in events] == [
        (event["type"], event["object"]) for event in (added, marked)
    ]
    path = server.asked[0][1]
    assert path.startswith("/api/v1/namespaces/apps/pods?watch=1&resourceVersion=7&")
    client.close()


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_watch_from_too_old_a_version_is_expired(
    server: Recorder, registry: CollectorRegistry, is_late: bool
) -> None:
    """The API server says so by the status of its answer, or by an event."""
    client = make_client(server, registry)
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    lines = Lines([{"type": "ERROR", "object": status}])
    server.answers = [(200, lines) if is_late else (410, status)]
    with pytest.raises(ExpiredError, match="too old"):
        await anext(client.watch(PODS, "apps", "7"))
    client.close()


async def test_plain_http_needs_no_configuration(server: Recorder) -> None:
    client = connect_plainly(f"http://127.0.0.1:{server.server_port}/")
    server.answers = [
        (201, {"metadata": {"name": "one"}}),
        (200, Lines([{"type": "ADDED", "object": {}}])),
        (422, {"details": {"causes": [{"field": "spec.timeout", "message": "too long"}]}}),
    ]
    await client.create(FUNCTIONS, "apps", {"a": "é"}, manager="me", strict=True)
    assert [event.type async for event in client.watch(FUNCTIONS, "apps", "7")] == ["ADDED"]
    with pytest.raises(InvalidError) as caught:
        await client.replace(FUNCTIONS, "apps", {"metadata": {"name": "one"}}, subresource="status")
    assert caught.value.causes == (("spec.timeout", "too long"),)
    path = "/apis/kubelambda.io/v1alpha1/namespaces/apps/lambdafunctions"
    query = "?fieldManager=me&fieldValidation=Strict"
    assert server.asked[0] == ("POST", path + query, "application/json", {"a": "é"})
    assert server.asked[2][:2] == ("PUT", f"{path}/one/status")
    client.close()


async def test_nobody_at_the_address_is_no_answer() -> None:
    client = connect_plainly(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UnavailableError):
        await client.get(FUNCTIONS, "apps", "one")
    with pytest.raises(UnavailableError):
        await anext(client.watch(FUNCTIONS, "apps", "1"))
    client.close()


@pytest.mark.parametrize("url", ["127.0.0.1:9000", "ftp://a", "http://", ""])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not a URL"):
        connect_plainly(url)
