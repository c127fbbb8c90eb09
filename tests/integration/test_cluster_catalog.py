"""The catalog of a cluster against an API server's lists and watches, played over plain HTTP."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from kubelambda.catalog.cluster import ClusterCatalog
from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.function import FunctionRef
from kubelambda.process.supervisor import Supervisor

PLAIN, LAYERED = FunctionRef("shop", "plain"), FunctionRef("shop", "layered")


def make_function(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": name, "generation": 1}
    code = {"inline": {"app.py": "x"}}
    return {
        "metadata": {**metadata, "resourceVersion": "5"},
        "spec": {"runtime": "python3.13", "handler": "app.h", "code": code, **spec},
        "status": {
            "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


LAYER = {
    "metadata": {"name": "base-1", "namespace": "shop", "resourceVersion": "6"},
    "spec": {"version": 1, "content": {"inline": {"a": "b"}}},
}
FUNCTIONS = [
    make_function("plain"),
    make_function("layered", layers=[{"name": "base", "version": 1}]),
]


class ApiServer:
    """Lists FUNCTIONS and nothing else; ``events`` are those of the watches of other kinds."""

    def __init__(self) -> None:
        self.statuses: dict[str, int] = {}
        """What requests for a kind are answered with, in place of an answer."""
        self.events: dict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        plural = request.path.rpartition("/")[2]
        if plural in self.statuses:
            return web.Response(status=self.statuses[plural])
        if "watch" not in request.query:
            items = FUNCTIONS if plural == "lambdafunctions" else []
            return web.json_response({"metadata": {"resourceVersion": "5"}, "items": items})
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            event = await self.events[plural].get()
            await response.write(json.dumps(event).encode() + b"\n")


@pytest.fixture
async def api_server() -> AsyncIterator[tuple[ApiServer, str]]:
    server = ApiServer()
    application = web.Application()
    application.router.add_get("/{path:.*}", server.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def wait_for(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not probe():
            await asyncio.sleep(0.01)


def is_ready(index: FunctionIndex, ref: FunctionRef) -> bool:
    function = index.get(ref)
    return function is not None and function.ready


async def test_a_layer_of_the_watch_makes_its_function_ready(
    api_server: tuple[ApiServer, str],
) -> None:
    server, url = api_server
    index = FunctionIndex()
    catalog = ClusterCatalog(index, url=url, ca_file=None, token_file=None)
    supervisor = Supervisor()
    await catalog.start(supervisor)
    try:
        await wait_for(lambda: index.synced)
        assert is_ready(index, PLAIN)
        assert not is_ready(index, LAYERED)
        await server.events["lambdalayers"].put({"type": "ADDED", "object": LAYER})
        await wait_for(lambda: is_ready(index, LAYERED))
        await server.events["lambdalayers"].put({"type": "DELETED", "object": LAYER})
        await asyncio.sleep(0.1)
        assert is_ready(index, LAYERED), "what was ready serves until the controller has judged"
    finally:
        await supervisor.close()
        await catalog.close()


async def test_layers_that_cannot_be_listed_hold_up_their_own_functions_only(
    api_server: tuple[ApiServer, str],
) -> None:
    """An installation whose CRDs or rights are of an older release."""
    server, url = api_server
    server.statuses["lambdalayers"] = 403
    index = FunctionIndex()
    catalog = ClusterCatalog(index, url=url, ca_file=None, token_file=None)
    supervisor = Supervisor()
    await catalog.start(supervisor)
    try:
        await wait_for(lambda: index.synced)
        assert is_ready(index, PLAIN)
        assert not is_ready(index, LAYERED)
        server.statuses.clear()
        await server.events["lambdalayers"].put({"type": "ADDED", "object": LAYER})
        await wait_for(lambda: is_ready(index, LAYERED))
    finally:
        await supervisor.close()
        await catalog.close()


def make_version(number: int, resource_version: int, **metadata: Any) -> dict[str, Any]:
    function = make_function("plain")
    owners = [{"kind": "LambdaFunction", "name": "plain", "uid": "plain"}]
    own = {"name": f"plain.{number}", "uid": f"plain.{number}", "ownerReferences": owners}
    return {
        **function,
        "metadata": {
            **function["metadata"],
            **own,
            "resourceVersion": str(resource_version),
            **metadata,
        },
        "spec": {"functionName": "plain", "version": number, "snapshot": function["spec"]},
    }


def make_alias(version: str, resource_version: int) -> dict[str, Any]:
    metadata = {"name": "plain.live", "namespace": "shop", "uid": "live"}
    return {
        "metadata": {**metadata, "resourceVersion": str(resource_version)},
        "spec": {"functionName": "plain", "functionVersion": version},
    }


@asynccontextmanager
async def following(url: str) -> AsyncIterator[FunctionIndex]:
    index, supervisor = FunctionIndex(), Supervisor()
    catalog = ClusterCatalog(index, url=url, ca_file=None, token_file=None)
    await catalog.start(supervisor)
    try:
        await wait_for(lambda: index.synced)
        yield index
    finally:
        await supervisor.close()
        await catalog.close()


async def test_versions_and_aliases_of_the_watch_are_found(
    api_server: tuple[ApiServer, str],
) -> None:
    """One that is not published yet is none, and no fault either."""
    server, url = api_server
    versions, aliases = server.events["lambdaversions"], server.events["lambdaaliases"]
    unpublished = make_version(1, 6)
    unpublished["spec"] = {"functionName": "plain"}
    async with following(url) as index:
        await wait_for(lambda: index.versions_synced)
        await versions.put({"type": "ADDED", "object": unpublished})
        await versions.put({"type": "ADDED", "object": make_version(2, 7)})
        await aliases.put({"type": "ADDED", "object": make_alias("2", 8)})
        await wait_for(lambda: index.find_alias("shop", "plain", "live"))
        await wait_for(lambda: index.find_version("shop", "plain", "2"))
        assert index.find_version("shop", "plain", "1") is None
        await versions.put({"type": "MODIFIED", "object": make_version(1, 9)})
        await wait_for(lambda: index.find_version("shop", "plain", "1"))
        await versions.put({"type": "DELETED", "object": make_version(1, 10)})
        await aliases.put({"type": "DELETED", "object": make_alias("2", 11)})
        await wait_for(lambda: index.was_deleted("plain", "1"))
        await wait_for(lambda: index.was_deleted("plain", "live"))


async def test_an_api_server_without_versions_serves_functions_and_has_none(
    api_server: tuple[ApiServer, str],
) -> None:
    """The CRDs of the release before; they may be upgraded while the gateway runs."""
    server, url = api_server
    server.statuses |= {"lambdaversions": 404, "lambdaaliases": 404}
    async with following(url) as index:
        assert is_ready(index, PLAIN)
        await wait_for(lambda: index.versions_synced)
        server.statuses.clear()
        await server.events["lambdaversions"].put({"type": "ADDED", "object": make_version(2, 7)})
        await wait_for(lambda: index.find_version("shop", "plain", "2"))


async def test_versions_that_cannot_be_listed_are_not_said_to_be_absent(
    api_server: tuple[ApiServer, str],
) -> None:
    server, url = api_server
    server.statuses["lambdaversions"] = 503
    async with following(url) as index:
        assert is_ready(index, PLAIN)
        assert not index.versions_synced
        server.statuses.clear()
        await wait_for(lambda: index.versions_synced)
