"""The catalog of a cluster against an API server's lists and watches, played over plain HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
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
    """Lists FUNCTIONS and no layers; ``send`` is an event of the watch of layers."""

    def __init__(self) -> None:
        self.layers_status = 200
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        is_layers = request.path.endswith("/lambdalayers")
        if is_layers and self.layers_status != 200:
            return web.Response(status=self.layers_status)
        if "watch" not in request.query:
            items = [] if is_layers else FUNCTIONS
            return web.json_response({"metadata": {"resourceVersion": "5"}, "items": items})
        response = web.StreamResponse()
        await response.prepare(request)
        while is_layers:
            await response.write(json.dumps(await self.events.get()).encode() + b"\n")
        await asyncio.sleep(3600)
        return response


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


async def wait_for(probe: Callable[[], bool]) -> None:
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
        await server.events.put({"type": "ADDED", "object": LAYER})
        await wait_for(lambda: is_ready(index, LAYERED))
        await server.events.put({"type": "DELETED", "object": LAYER})
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
    server.layers_status = 403
    index = FunctionIndex()
    catalog = ClusterCatalog(index, url=url, ca_file=None, token_file=None)
    supervisor = Supervisor()
    await catalog.start(supervisor)
    try:
        await wait_for(lambda: index.synced)
        assert is_ready(index, PLAIN)
        assert not is_ready(index, LAYERED)
        server.layers_status = 200
        await server.events.put({"type": "ADDED", "object": LAYER})
        await wait_for(lambda: is_ready(index, LAYERED))
    finally:
        await supervisor.close()
        await catalog.close()
