"""The catalog of a cluster while its API server fails at each line of a watch (F5, F6)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from integration.api_server import ApiServer, Event, Fault, Watching, serving
from kubelambda.catalog.cluster import ClusterCatalog
from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.code import InlineFiles
from kubelambda.core.model.function import FunctionRef
from kubelambda.process.supervisor import Supervisor

REF = FunctionRef("shop", "hello")


def make_event(kind: str, version: int, uid: str, **spec: Any) -> Event:
    metadata = {"name": "hello", "namespace": "shop", "uid": uid, "resourceVersion": str(version)}
    code = {"inline": {"app.py": str(version)}}
    manifest = {
        "metadata": metadata,
        "spec": {"runtime": "python3.13", "handler": "app.h", "code": code, **spec},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    return {"type": kind, "object": manifest}


HISTORY: list[Event] = [
    make_event("ADDED", 6, "old"),
    make_event("MODIFIED", 7, "old"),
    make_event("DELETED", 8, "old"),
    make_event("ADDED", 9, "new"),
    {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "12"}}},
    make_event("MODIFIED", 13, "new"),
]
LAST = 13


async def cut_in_a_line(watching: Watching, event: Event) -> None:
    line = json.dumps(event).encode()
    await watching.send_raw(line[: len(line) // 2])
    watching.abort()


async def cut_between_lines(watching: Watching, _: Event) -> None:
    watching.abort()


async def end_in_a_line(watching: Watching, event: Event) -> None:
    """A proxy that ends the stream politely, wherever it is."""
    await watching.send_raw(json.dumps(event).encode()[:-5])


async def end(_: Watching, __: Event) -> None:
    """As at the end of timeoutSeconds."""


async def fall_silent(_: Watching, __: Event) -> None:
    await asyncio.sleep(3600)


async def say_garbage(watching: Watching, _: Event) -> None:
    await watching.send_raw(b'{"type": "ADDED", "obj\n')


async def say_gone(watching: Watching, _: Event) -> None:
    await watching.send({"type": "ERROR", "object": {"code": 410, "message": "too old"}})


async def say_something_new(watching: Watching, event: Event) -> None:
    await watching.send({**event, "type": "RENAMED"})


async def replay(watching: Watching, _: Event) -> None:
    """A server that does not heed the version that it was asked for."""
    for event in HISTORY:
        await watching.send(event)


GOES_ON: list[Fault] = [cut_in_a_line, cut_between_lines, end_in_a_line, end, fall_silent, replay]
LISTS_AGAIN: list[Fault] = [say_garbage, say_gone, say_something_new]


class Following:
    """A catalog that follows ``server``, and all that its subscribers were told."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.index = FunctionIndex()
        self.told: list[str] = []
        self.index.subscribe(self._note)

    def _note(self, ref: FunctionRef) -> None:
        function = self.index.get(ref)
        self.told.append(function.uid if function else "gone")

    def holds(self, version: int) -> bool:
        function = self.index.get(REF)
        return function is not None and function.code == InlineFiles({"app.py": str(version)})

    async def reaches(self, version: int) -> None:
        await wait_for(lambda: self.holds(version))


async def wait_for(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not probe():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def following(server: ApiServer) -> AsyncIterator[Following]:
    one, supervisor = Following(server), Supervisor()
    async with serving(server) as url:
        catalog = ClusterCatalog(
            one.index, url=url, ca_file=None, token_file=None, retry_s_min=0.001, silent_s=0.5
        )
        await catalog.start(supervisor)
        try:
            yield one
            assert supervisor.check_ready() == "", "no loop has failed"
        finally:
            await supervisor.close()
            await catalog.close()


@pytest.mark.parametrize("line", range(len(HISTORY) + 1))
@pytest.mark.parametrize("fault", GOES_ON + LISTS_AGAIN)
async def test_a_watch_that_breaks_goes_on_where_it_was(fault: Fault, line: int) -> None:
    """Two watches in a row break; the present object is never taken for a deleted one."""
    server = ApiServer(list(HISTORY), listed_at=5)
    server.faults = [(line, fault), (0, fault)]
    async with following(server) as one:
        await one.reaches(LAST)
        await wait_for(lambda: not server.faults)
        server.append(make_event("MODIFIED", 20, "new"))
        await one.reaches(20)
        present = one.told.index("new")
        assert set(one.told[present:]) == {"new"}
        assert one.told[:present] == ["old", "old", "gone"][:present]
        assert not one.index.was_deleted("new")
        assert one.index.was_deleted("old") == bool(one.told[:present])
        versions = [int(version) for version in server.watched]
        assert versions == sorted(versions)
        if fault in GOES_ON:
            assert server.lists == 1


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 504])
async def test_while_the_api_server_is_away_the_last_state_stays(status: int) -> None:
    """A watch that fails again and again is no reason to forget, nor is a list that does."""
    server = ApiServer(list(HISTORY), listed_at=LAST)
    async with following(server) as one:
        await one.reaches(LAST)
        server.statuses = [status] * 6
        server.faults = []
        server.append(make_event("MODIFIED", 14, "new"))
        await one.reaches(14)
        await wait_for(lambda: not server.statuses)
        server.append(make_event("MODIFIED", 15, "new"))
        await one.reaches(15)
        assert set(one.told) == {"new"}


async def test_410_on_the_request_lists_again_and_removes_what_has_gone() -> None:
    server = ApiServer(list(HISTORY), listed_at=6)
    server.statuses = []
    server.faults = [(0, cut_between_lines)]
    async with following(server) as one:
        await one.reaches(LAST)
        server.statuses = [410]
        server.append(make_event("DELETED", 14, "new"))
        await wait_for(lambda: one.index.get(REF) is None)
        assert one.told[-1] == "gone"
        assert one.index.was_deleted("new")


async def test_a_store_that_was_set_back_is_believed_in_the_end() -> None:
    """etcd restored from a backup: versions are lower, and watches of the old ones are refused."""
    server = ApiServer(list(HISTORY), listed_at=LAST)
    async with following(server) as one:
        await one.reaches(LAST)
        server.history[:] = [make_event("ADDED", 3, "restored")]
        server.statuses = [504] * 3
        server.faults = [(0, say_gone)] * 2
        await one.reaches(3)
        assert one.told == ["new", "restored"]


async def test_one_odd_record_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    server = ApiServer([], listed_at=5)
    odd = make_event("ADDED", 6, "odd")
    odd["object"]["spec"] = {"code": "x"}
    odd["object"]["metadata"]["name"] = "odd"
    server.history = [odd, *[make_event("ADDED", 7, "new")]]
    async with following(server) as one:
        await one.reaches(7)
        server.append({**odd, "type": "MODIFIED"})
        server.append(make_event("MODIFIED", 8, "new"))
        await one.reaches(8)
        function = one.index.get(FunctionRef("shop", "odd"))
        assert function is not None
        assert function.stalled_reason == "InvalidSpec"
        assert [
            record.getMessage() for record in caplog.records if "shop/odd" in record.getMessage()
        ] != []
        assert server.lists == 1
