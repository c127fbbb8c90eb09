"""What a leader starts and ends, in which order, over an API server in memory.

The parts are the real ones, but for kopf: nobody plays its watches here.
"""

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kubelambda.config import ControllerSettings
from kubelambda.controller.process.assembly import LeaderParts, build_parts
from kubelambda.controller.process.election_settings import ElectionClock, ElectionSettings
from kubelambda.controller.process.elector import Elector
from kubelambda.controller.process.leader import Leader
from kubelambda.controller.process.object_watches import ObjectWatches
from kubelambda.kube.memory import MemoryApi, StoppedError
from kubelambda.kube.paths import LEASES, PODS
from kubelambda.kube.resources.labels import LEADER
from kubelambda.process.parts import PartEndedError
from unit.controller.controlled_cluster import RULES
from unit.jumping_loop import on_jumping_loop

NAMESPACE, LEASE = "kubelambda", "lease"
DURATION_S, RENEW_S = 4.0, 1.0


class UnwatchedObjects:
    """Fills the store as the real ones do; then no event comes."""

    def __init__(self, real: ObjectWatches, error: Exception | None = None) -> None:
        self._real = real
        self._error = error
        self.followed = asyncio.Event()

    async def fill(self) -> None:
        await self._real.fill()

    async def follow(self, started: asyncio.Event, stop: asyncio.Event) -> None:
        self.followed.set()
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()


class Process:
    """One controller process that may lead, with its pod."""

    def __init__(self, api: MemoryApi, name: str, error: Exception | None = None) -> None:
        if api.find(PODS, NAMESPACE, name) is None:
            metadata = {"name": name, "namespace": NAMESPACE}
            api.seed(PODS, {"metadata": metadata, "spec": {"nodeName": "n", "containers": []}})
        settings = ControllerSettings(namespace=NAMESPACE, pod_name=name, demand_port=0)
        election = ElectionSettings(
            namespace=NAMESPACE, name=LEASE, identity=name, duration_s=DURATION_S, renew_s=RENEW_S
        )
        time = asyncio.get_running_loop().time
        self.elector = Elector(api, election, ElectionClock(time, time, asyncio.sleep))
        parts = build_parts(
            settings, bytes(32), RULES, CollectorRegistry(), api, lambda: pytest.fail("kopf")
        )
        self.watches = UnwatchedObjects(parts.watches, error)
        more: dict[str, Any] = {"watches": self.watches}
        self.parts: LeaderParts = replace(parts, **more)
        self.leader = Leader(settings, api, self.elector, self.parts)

    async def live(self, stop: asyncio.Event) -> None:
        await self.elector.wait_for_leadership()
        await self.leader.lead(stop)
        await self.leader.hand_over()


def labelled(api: MemoryApi) -> list[str]:
    return [
        pod["metadata"]["name"]
        for pod in api.find_all(PODS, NAMESPACE)
        if (pod["metadata"].get("labels") or {}).get(LEADER) == "true"
    ]


def holder(api: MemoryApi) -> str:
    lease = api.find(LEASES, NAMESPACE, LEASE)
    return str(lease["spec"]["holderIdentity"]) if lease else ""


async def is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@on_jumping_loop
async def test_the_demand_port_is_open_before_the_label_leads_gateways_to_it() -> None:
    api = MemoryApi()
    process, stop = Process(api, "one"), asyncio.Event()
    ports: list[int] = []

    def note_port(call: Any) -> None:
        if (call.verb, call.resource) == ("patch", "pods"):
            ports.append(process.parts.demand_server.port)

    api.on_call = note_port
    living = asyncio.create_task(process.live(stop))
    await process.watches.followed.wait()
    assert ports
    assert all(ports)
    assert await is_listening(ports[0])
    assert (labelled(api), holder(api)) == (["one"], "one")
    stop.set()
    await living


@on_jumping_loop
async def test_everything_is_listed_under_the_label_before_it_is_followed() -> None:
    """And functions last: a function is not scaled before its pods are known."""
    api = MemoryApi()
    process, stop = Process(api, "one"), asyncio.Event()
    living = asyncio.create_task(process.live(stop))
    await process.watches.followed.wait()
    lists = [call.resource for call in api.calls if call.verb == "list" and not call.namespace]
    assert lists[-1] == "lambdafunctions"
    assert {"pods", "deployments", "networkpolicies", "lambdalayers"} < set(lists)
    assert len(labelled(api)) == 1
    stop.set()
    await living


@on_jumping_loop
async def test_the_lease_is_renewed_while_the_first_lists_take_long() -> None:
    """Renewals wait for nothing else."""
    api = MemoryApi()
    process, stop = Process(api, "one"), asyncio.Event()
    hanging = asyncio.Event()

    async def hang() -> None:
        hanging.set()
        await asyncio.Event().wait()

    process.watches.fill = hang  # type: ignore[method-assign]
    living = asyncio.create_task(process.live(stop))
    await hanging.wait()
    before = len(api.calls)
    while sum(call.resource == "leases" for call in api.calls[before:]) < 4:
        await asyncio.sleep(RENEW_S)
    stop.set()
    await living


@on_jumping_loop
async def test_what_was_begun_beside_the_parts_has_ended_before_the_lease_is_given_up() -> None:
    """Else it might write while a standby leads."""
    api = MemoryApi()
    process, stop = Process(api, "one"), asyncio.Event()
    holders: list[str] = []

    async def write_slowly() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            holders.append(holder(api))

    living = asyncio.create_task(process.live(stop))
    await process.watches.followed.wait()
    process.parts.supervisor.spawn("scaling", write_slowly())
    await asyncio.sleep(1)
    stop.set()
    await living
    assert (holders, holder(api)) == (["one"], "")


@on_jumping_loop
async def test_after_a_stop_the_label_goes_first_and_the_lease_last() -> None:
    api = MemoryApi()
    process, stop = Process(api, "one"), asyncio.Event()
    living = asyncio.create_task(process.live(stop))
    await process.watches.followed.wait()
    stop.set()
    await living
    last = [(write.verb, write.resource) for write in api.writes[-2:]]
    assert last == [("patch", "pods"), ("update", "leases")]
    assert (labelled(api), holder(api)) == ([], "")
    assert not await is_listening(process.parts.demand_server.port)


@on_jumping_loop
async def test_a_part_that_ends_by_itself_ends_the_leadership(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = MemoryApi()
    process = Process(api, "one", error=RuntimeError("kopf gave up"))
    with pytest.raises(PartEndedError, match="watches failed"):
        await process.live(asyncio.Event())
    assert not await is_listening(process.parts.demand_server.port)
    assert "kopf gave up" in caplog.text
    await process.leader.hand_over()
    assert (labelled(api), holder(api)) == ([], "")


@on_jumping_loop
async def test_stopped_after_any_request_the_next_one_leads_alone() -> None:
    """From the election to the handing over: one label, one holder, whoever carried it before."""
    undisturbed = MemoryApi()
    await live_once(undisturbed)
    requests = len(undisturbed.calls)
    assert requests > 8
    for number in range(1, requests + 1):
        api = MemoryApi()
        api.stop_after(number)
        with contextlib.suppress(StoppedError, PartEndedError):
            await live_once(api)
        api.stop_after(None)
        second, stop = Process(api, "two"), asyncio.Event()
        living = asyncio.create_task(second.live(stop))
        await second.watches.followed.wait()
        assert (labelled(api), holder(api)) == (["two"], "two"), f"stopped after {number}"
        stop.set()
        await living
        assert (labelled(api), holder(api)) == ([], "")


async def live_once(api: MemoryApi) -> None:
    """Lead until everything is listed, then stop in good order."""
    process, stop = Process(api, "one"), asyncio.Event()
    living = asyncio.create_task(process.live(stop))
    following = asyncio.create_task(process.watches.followed.wait())
    await asyncio.wait([living, following], return_when=asyncio.FIRST_COMPLETED)
    following.cancel()
    stop.set()
    await living
