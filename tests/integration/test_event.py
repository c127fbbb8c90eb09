"""Asynchronous invocation: 202 when durable, then run at least once (P2, spec 3.1 and 3.2)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from prometheus_client import CollectorRegistry

from conformance.nats_server import NatsServer
from integration.conftest import MASTER, Installation, MakeInstallation
from integration.faults.wire import wait_until
from kubelambda.core.asynchronous.queue import Queue, QueuedEvent
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.function import FunctionRef
from kubelambda.dispatch.dispatcher import Dispatcher
from kubelambda.dispatch.metrics import DispatchMetrics
from kubelambda.dispatch.relay import RelayInvoker
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor
from kubelambda.stores.jetstream import JetStreamQueue
from kubelambda.stores.nats_connection import NatsConnection
from kubelambda.stores.sqlite import SqliteQueue

RECORD = """
import json, time
def handler(event, context):
    with open(event["file"], "a") as runs:
        runs.write(context.aws_request_id + "\\n")
    time.sleep(event.get("seconds", 0))
    if event.get("fail"):
        raise ValueError("no")
"""


@dataclass(slots=True)
class JumpingClock:
    """The time, and what the test has jumped ahead."""

    jumped_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.jumped_s


class Asynchronous:
    """An installation with a queue, dispatchers that come and go, and a clock that can jump."""

    def __init__(self, make: MakeInstallation, queue: Queue, clock: JumpingClock) -> None:
        self._make = make
        self.queue = queue
        self.clock = clock
        self.dispatchers: list[tuple[Supervisor, Dispatcher, RelayInvoker]] = []

    async def start(self, **changes: Any) -> Installation:
        self.installation = await self._make(events=self.queue, **changes)
        return self.installation

    def dispatch(self, lease_s: float = 30.0) -> Dispatcher:
        address = f"127.0.0.1:{self.installation.gateway.internal_port}"
        invoker = RelayInvoker(address, Signatures.derive(MASTER, 1))
        self.registry = CollectorRegistry()
        metrics, supervisor = DispatchMetrics(self.registry), Supervisor()
        one = Dispatcher(
            self.queue, invoker, metrics, self.clock, supervisor=supervisor, lease_s=lease_s
        )
        one.open()
        self.dispatchers.append((supervisor, one, invoker))
        return one

    async def read_settlements(self, count: int) -> dict[str, int]:
        """What the last dispatcher has counted, once it has settled ``count`` events."""
        name, found = "kubelambda_dispatch_settled_total", dict[str, int]()
        async with asyncio.timeout(60):
            while sum(found.values()) < count:
                await asyncio.sleep(0.05)
                samples = [
                    sample for family in self.registry.collect() for sample in family.samples
                ]
                found = {
                    sample.labels["settlement"]: int(sample.value)
                    for sample in samples
                    if sample.name == name
                }
        return found

    async def kill_dispatcher(self) -> None:
        """End one as SIGKILL would: nothing is settled, nothing given back."""
        supervisor, _, invoker = self.dispatchers.pop()
        await supervisor.close()
        await invoker.close()

    async def close(self) -> None:
        for supervisor, dispatcher, invoker in self.dispatchers:
            await dispatcher.drain(5)
            await supervisor.close()
            await invoker.close()
        await self.queue.close()


@pytest.fixture(params=[1.0])
async def asynchronous(
    request: pytest.FixtureRequest, make_installation: MakeInstallation, tmp_path: Path
) -> AsyncIterator[Asynchronous]:
    """The parameter is how long a lease of the queue lasts, in seconds."""
    clock = JumpingClock()
    queue = SqliteQueue(tmp_path / "events.sqlite", clock, lease_s=request.param)
    one = Asynchronous(make_installation, queue, clock)
    await queue.open()
    yield one
    await one.close()


async def send(installation: Installation, event: Any) -> dict[str, Any]:
    return await installation.invoke("record", event, InvocationType="Event")


async def wait_for_runs(runs: Path, count: int, wait_s: float = 60) -> list[str]:
    async with asyncio.timeout(wait_s):
        while not runs.exists() or len(runs.read_text().split()) < count:
            await asyncio.sleep(0.02)
    return runs.read_text().split()


async def test_an_event_is_accepted_and_run_under_its_request_id(
    asynchronous: Asynchronous, tmp_path: Path
) -> None:
    """Spec 2.2: 202, empty body, no executed version."""
    installation = await asynchronous.start()
    installation.put("record", RECORD)
    answer = await send(installation, {"file": str(tmp_path / "runs")})
    assert answer["StatusCode"] == 202
    assert answer["Payload"] is None
    assert "ExecutedVersion" not in answer
    asynchronous.dispatch()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert await wait_for_runs(tmp_path / "runs", 1) == [request_id]


async def test_an_event_keeps_its_qualifier_and_the_uid_of_its_function(
    asynchronous: Asynchronous, tmp_path: Path
) -> None:
    """Whatever version the alias means when the event is accepted (spec 3.1)."""
    installation = await asynchronous.start()
    function = installation.put("record", RECORD)
    ref = FunctionRef("default", "record.1")
    version = replace(function, ref=ref, uid="uid-v1", version="1", function_uid=function.uid)
    installation.index.put(version)
    alias = Alias(FunctionRef("default", "record.live"), "a", "", "record", "live", "1")
    installation.index.put_alias(alias)
    await installation.invoke(
        "record", {"file": str(tmp_path / "runs")}, InvocationType="Event", Qualifier="live"
    )
    (lease,) = await asynchronous.queue.lease(1, 10)
    assert (lease.event.qualifier, lease.event.function_uid) == ("live", function.uid)
    await asynchronous.queue.release(lease)
    asynchronous.dispatch()
    assert await wait_for_runs(tmp_path / "runs", 1) == [lease.event.request_id]
    assert (await asynchronous.read_settlements(1))["done"] == 1


async def test_a_failing_event_is_run_three_times_and_then_dead(
    asynchronous: Asynchronous, tmp_path: Path
) -> None:
    """Spec 3.2: after one and two minutes more, one request id; then the dead letters have it."""
    installation = await asynchronous.start()
    installation.put("record", RECORD)
    runs = tmp_path / "runs"
    event = {"file": str(runs), "fail": True}
    answer = await send(installation, event)
    dispatcher = asynchronous.dispatch()
    await wait_for_runs(runs, 1)
    for run, minutes in ((2, 1), (3, 2)):
        await wait_until(lambda: not dispatcher.held)  # its successor is in the queue
        await asyncio.sleep(0.7)
        assert len(runs.read_text().split()) == run - 1
        asynchronous.clock.jumped_s += minutes * 60
        await wait_for_runs(runs, run)
    assert set(runs.read_text().split()) == {answer["ResponseMetadata"]["RequestId"]}
    async with asyncio.timeout(60):
        while not (letters := await asynchronous.queue.read_dead_letters(10)):
            await asyncio.sleep(0.05)
    assert letters[0].condition == "RetriesExhausted"
    assert json.loads(letters[0].event.payload) == event


async def test_a_throttled_event_waits_and_loses_no_attempt(
    asynchronous: Asynchronous, tmp_path: Path
) -> None:
    installation = await asynchronous.start()
    installation.put("record", RECORD, reserved_concurrency=1, timeout_s=10)
    runs = tmp_path / "runs"
    busy = asyncio.create_task(
        installation.invoke("record", {"file": str(tmp_path / "sync"), "seconds": 2})
    )
    await wait_for_runs(tmp_path / "sync", 1)
    await send(installation, {"file": str(runs)})
    asynchronous.dispatch()
    await busy
    await wait_for_runs(runs, 1)


async def test_d1_a_killed_dispatcher_loses_nothing_and_runs_nothing_twice_that_still_runs(
    asynchronous: Asynchronous, tmp_path: Path
) -> None:
    """The next one delivers again under the same request id, which finds the running event."""
    installation = await asynchronous.start()
    installation.put("record", RECORD, timeout_s=20)
    runs = tmp_path / "runs"
    await send(installation, {"file": str(runs), "seconds": 6})
    asynchronous.dispatch()
    await wait_for_runs(runs, 1)
    await asynchronous.kill_dispatcher()
    one = asynchronous.dispatch(lease_s=1.0)
    await wait_until(lambda: one.held)
    await wait_until(lambda: not one.held)
    assert len(runs.read_text().split()) == 1
    assert not await asynchronous.queue.lease(1, 1.5)


async def test_d1_an_event_taken_by_a_dispatcher_that_died_at_once_is_run(
    asynchronous: Asynchronous, tmp_path: Path
) -> None:
    installation = await asynchronous.start()
    installation.put("record", RECORD)
    await send(installation, {"file": str(tmp_path / "runs")})
    assert await asynchronous.queue.lease(1, 1)
    asynchronous.dispatch()
    await wait_for_runs(tmp_path / "runs", 1)


async def test_an_event_over_its_own_limit_is_413(asynchronous: Asynchronous) -> None:
    installation = await asynchronous.start()
    installation.put("record", RECORD)
    with pytest.raises(ClientError) as caught:
        await send(installation, "x" * 1_048_576)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "1048576" in caught.value.response["Error"]["Message"]


class HangingSink:
    """Keeps the event and never says so: a gateway that dies between publish and 202."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def publish(self, event: QueuedEvent) -> None:
        await self._queue.publish(event)
        await asyncio.Event().wait()


async def test_f2_what_was_published_before_the_202_is_not_lost(
    asynchronous: Asynchronous, make_installation: MakeInstallation, tmp_path: Path
) -> None:
    """F2: the client has no answer, may send again, and the event is there all the same."""
    installation = await make_installation(events=HangingSink(asynchronous.queue), drain_s=0.1)
    installation.put("record", RECORD)
    body = json.dumps({"file": "x"}).encode()
    head = (
        "POST /2015-03-31/functions/record/invocations HTTP/1.1\r\nHost: g\r\n"
        f"X-Amz-Invocation-Type: Event\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    assert await installation.converse(head.encode() + body, wait_s=0.5) == b""
    (lease,) = await asynchronous.queue.lease(1, 5)
    assert lease.event.payload == body


@pytest.mark.nats
async def test_f7_without_its_queue_a_gateway_accepts_no_event_and_then_does_again(
    make_installation: MakeInstallation,
    nats_server: Callable[[], NatsServer],
    tmp_path: Path,
) -> None:
    """F7: 503, not 202, while NATS is down; what was accepted before is still there afterwards."""
    server = nats_server()
    connection, supervisor = NatsConnection(server.url), Supervisor()
    queue = JetStreamQueue(connection)
    asynchronous = Asynchronous(make_installation, queue, JumpingClock())
    await connection.open(supervisor)
    await server.wait_usable(queue)
    installation = await asynchronous.start()
    installation.put("record", RECORD)
    runs = tmp_path / "runs"
    await send(installation, {"file": str(runs)})
    server.kill()
    with pytest.raises(ClientError) as caught:
        await send(installation, {"file": str(runs)})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert caught.value.response["Error"]["Code"] == "ServiceException"
    server.start()
    asynchronous.dispatch()
    async with asyncio.timeout(60):
        while True:
            try:
                await send(installation, {"file": str(runs)})
            except ClientError:
                await asyncio.sleep(0.2)
            else:
                break
    assert len(await wait_for_runs(runs, 2)) >= 2
    await asynchronous.close()
    await supervisor.close()
    await connection.close()


@pytest.mark.parametrize("asynchronous", [30.0], indirect=True)
@pytest.mark.parametrize(
    ("count", "reservation", "work_s"), [(60, 2, 0.2), (15, 1, 0.3)], ids=["60 by two", "15 by one"]
)
async def test_l3_throttled_events_use_each_slot_as_it_becomes_free(
    asynchronous: Asynchronous, tmp_path: Path, count: int, reservation: int, work_s: float
) -> None:
    """All are run in the order of their age, but for neighbours, with few throttles, by one lease
    of each: none goes back to the queue.
    """
    installation = await asynchronous.start()
    installation.put("record", RECORD, reserved_concurrency=reservation)
    runs = tmp_path / "runs"
    expected = []
    for _ in range(count):
        answer = await send(installation, {"file": str(runs), "seconds": work_s})
        expected.append(answer["ResponseMetadata"]["RequestId"])
    asynchronous.dispatch()
    seen = await wait_for_runs(runs, count, wait_s=120)
    assert sorted(seen) == sorted(expected)
    places = {request_id: place for place, request_id in enumerate(expected)}
    assert all(abs(places[number] - place) <= 3 * reservation for place, number in enumerate(seen))
    settled = await asynchronous.read_settlements(count)
    assert settled == {"done": count}
    throttles = asynchronous.registry.get_sample_value("kubelambda_dispatch_throttles_total")
    assert throttles is not None
    assert throttles <= count


@pytest.mark.parametrize("asynchronous", [30.0], indirect=True)
async def test_two_dispatchers_share_a_function_with_one_slot(
    asynchronous: Asynchronous, tmp_path: Path
) -> None:
    installation = await asynchronous.start()
    installation.put("record", RECORD, reserved_concurrency=1)
    runs = tmp_path / "runs"
    for _ in range(12):
        await send(installation, {"file": str(runs), "seconds": 0.1})
    asynchronous.dispatch()
    asynchronous.dispatch()
    assert len(set(await wait_for_runs(runs, 12, wait_s=60))) == 12
