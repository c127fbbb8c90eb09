"""An API server of the tests' own: lists and watches over real HTTP, with faults where one asks.

Contract: keeps a history of events with growing versions. A list shows the state after a version, a
watch sends what came after the version that it is asked for. A fault hits one watch, at one line.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Event = dict[str, Any]
Fault = Callable[["Watching", Event], Awaitable[None]]
"""What happens in place of sending an event; afterwards the watch ends."""


class Watching:
    """One watch that is being answered."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self.request = request
        self.response = response

    async def send(self, event: Event) -> None:
        await self.response.write(json.dumps(event).encode() + b"\n")

    async def send_raw(self, data: bytes) -> None:
        await self.response.write(data)

    def abort(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


class ApiServer:
    """Functions with a history, and no objects of other kinds."""

    def __init__(self, history: list[Event], listed_at: int) -> None:
        self.history = history
        self.listed_at: int | None = listed_at
        """What the first list shows; later ones show everything."""
        self.lists = 0
        self.watched: list[str] = []
        """The version of each watch of functions, in order."""
        self.statuses: list[int] = []
        """What the next requests for functions are answered with, in place of an answer."""
        self.faults: list[tuple[int, Fault]] = []
        """For each of the next watches: after how many lines, and what."""
        self._grown = asyncio.Event()

    def append(self, event: Event) -> None:
        self.history.append(event)
        self._grown.set()
        self._grown = asyncio.Event()

    def state(self, version: int) -> list[Any]:
        found: dict[str, Any] = {}
        for event in self.history:
            if event["type"] == "BOOKMARK" or version_of(event) > version:
                continue
            name = event["object"]["metadata"]["name"]
            if event["type"] == "DELETED":
                found.pop(name, None)
            else:
                found[name] = event["object"]
        return list(found.values())

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/lambdafunctions"):
            return await self._serve_nothing(request)
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        if "watch" in request.query:
            return await self._watch(request)
        self.lists += 1
        version, self.listed_at = self.listed_at, None
        if version is None:
            version = version_of(self.history[-1])
        metadata = {"resourceVersion": str(version)}
        return web.json_response({"metadata": metadata, "items": self.state(version)})

    async def _serve_nothing(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return web.json_response({"metadata": {"resourceVersion": "1"}, "items": []})
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(3600)
        return response

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        asked = request.query["resourceVersion"]
        self.watched.append(asked)
        lines, fault = self.faults.pop(0) if self.faults else (-1, None)
        response = web.StreamResponse()
        await response.prepare(request)
        watching, sent, position = Watching(request, response), 0, 0
        while True:
            grown = self._grown
            for event in self.history[position:]:
                position += 1
                if version_of(event) <= int(asked):
                    continue
                if fault is not None and sent == lines:
                    await fault(watching, event)
                    return response
                await watching.send(event)
                sent += 1
            if fault is not None and sent == lines:
                await fault(watching, self.history[-1])
                return response
            await grown.wait()


def version_of(event: Event) -> int:
    return int(event["object"]["metadata"]["resourceVersion"])


@asynccontextmanager
async def serving(server: ApiServer) -> AsyncIterator[str]:
    """Serve until the end of the block; the address."""
    application = web.Application()
    application.router.add_get("/{path:.*}", server.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
