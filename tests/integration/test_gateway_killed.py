"""F1: a gateway is killed. They are processes here, and the controller's port is the real one."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from integration.conftest import MASTER, build_environments, make_function
from integration.gateways import SLEEP, JoinedDemand, wait_for_runs
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import read_environment
from kubelambda.controller.demand.demand_server import DemandServer
from kubelambda.core.coordination.ownership import choose_owner
from kubelambda.core.model.function import Function
from kubelambda.core.wire.demand import DemandReply, DemandReport
from kubelambda.process.signatures import Signatures
from ports import free_port

TESTS = Path(__file__).resolve().parents[1]
NAMES = ("gateway-0", "gateway-1")
TIMEOUT_S = 60


class Cluster:
    """Two gateway processes, the agents they ask for, and a client."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.ports = {name: (free_port(), free_port()) for name in NAMES}
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.functions = {
            owner: next(
                name
                for name in (f"f{number}" for number in range(1_000))
                if choose_owner("default", name, NAMES) == owner
            )
            for owner in NAMES
        }
        self._index = FunctionIndex()
        for function in self._build_functions():
            self._index.put(function)
        self.environments = build_environments(self._index, state)
        self._joined = JoinedDemand(self.environments)
        self._reports: set[asyncio.Task[DemandReply]] = set()
        self._server = DemandServer(Signatures.derive(MASTER, 1), self._take, host="127.0.0.1")
        self.session = aiohttp.ClientSession(trust_env=False)

    async def start(self) -> None:
        await self._server.start()
        # Agents dial the one that stays, as a Service would lead them to one that lives.
        self.environments.gateway_address = f"127.0.0.1:{self.ports['gateway-0'][1]}"
        for name in NAMES:
            await self.run(name)

    async def run(self, name: str) -> None:
        public, internal = self.ports[name]
        given = {
            "settings": {
                "host": "127.0.0.1",
                "pod_name": name,
                "public_port": public,
                "internal_port": internal,
                "metrics_port": 0,
            },
            "functions": [
                {
                    "name": function,
                    "source": SLEEP,
                    "reserved_concurrency": 1,
                    "timeout_s": TIMEOUT_S,
                }
                for function in self.functions.values()
            ],
            "addresses": [f"127.0.0.1:{port}" for _, port in self.ports.values()],
            "controller": f"http://127.0.0.1:{self._server.port}",
        }
        path = self.state / f"{name}.json"
        path.write_text(json.dumps(given))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "integration.gateway_process",
            path,
            stdout=asyncio.subprocess.PIPE,
            env={**read_environment(), "PYTHONPATH": str(TESTS)},
        )
        self.processes[name] = process
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 120) == b"ready\n"

    async def kill(self, name: str) -> None:
        self.processes[name].kill()
        await self.processes[name].wait()

    async def invoke(self, by: str, name: str, event: Any) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.ports[by][0]}/2015-03-31/functions/{name}/invocations"
        async with self.session.post(url, json=event) as response:
            return response.status, json.loads(await response.read())

    async def close(self) -> None:
        await self.session.close()
        for process in self.processes.values():
            if process.returncode is None:
                process.kill()
            await process.wait()
        await self._server.close()
        await asyncio.gather(*self._reports, return_exceptions=True)
        await self.environments.close()

    def _build_functions(self) -> list[Function]:
        return [
            make_function(name, SLEEP, reserved_concurrency=1, timeout_s=TIMEOUT_S)
            for name in self.functions.values()
        ]

    def _take(self, report: DemandReport) -> DemandReply:
        task = asyncio.create_task(self._joined.report(report))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)
        return DemandReply()


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    one = Cluster(tmp_path)
    try:
        await one.start()
        yield one
    finally:
        await one.close()


@pytest.mark.parametrize("by", NAMES)
async def test_f1_a_kill_in_mid_event_is_a_closed_connection_and_one_run(
    cluster: Cluster, tmp_path: Path, by: str
) -> None:
    """F1, P1: no false 200, no 5xx that invites a retry, no second run; whichever way it came."""
    runs, name = tmp_path / "runs", cluster.functions["gateway-1"]
    end = tmp_path / "end"
    event = {"file": str(runs), "until": str(end)}
    asking = asyncio.create_task(cluster.invoke(by, name, event))
    await wait_for_runs(runs, 1)
    await cluster.kill("gateway-1")
    with pytest.raises(aiohttp.ClientError):
        await asking
    end.touch()
    await asyncio.sleep(4)
    assert len(runs.read_text().split()) == 1


async def test_f8_an_owner_that_stands_still_is_noticed_by_its_heartbeats(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Its kernel keeps the connection alive; the caller hears of it all the same."""
    runs, name = tmp_path / "runs", cluster.functions["gateway-1"]
    event = {"seconds": 18, "file": str(runs)}
    asking = asyncio.create_task(cluster.invoke("gateway-0", name, event))
    await wait_for_runs(runs, 1)
    cluster.processes["gateway-1"].send_signal(signal.SIGSTOP)
    with pytest.raises(aiohttp.ClientError):
        await asking


async def test_f1_the_slot_is_taken_until_the_event_ends_and_then_free(
    cluster: Cluster, tmp_path: Path
) -> None:
    """F1, rule M5: the next owner neither goes over the reservation nor loses the environment."""
    runs, name = tmp_path / "runs", cluster.functions["gateway-1"]
    event = {"seconds": 0, "file": str(runs)}
    _, pid = await cluster.invoke("gateway-0", name, event)
    end = tmp_path / "end"
    asking = asyncio.create_task(cluster.invoke("gateway-0", name, event | {"until": str(end)}))
    await wait_for_runs(runs, 2)
    await asyncio.sleep(2)  # until a heartbeat has told of the slot, on a busy machine too
    await cluster.kill("gateway-1")
    with pytest.raises(aiohttp.ClientError):
        await asking
    status, answer = await cluster.invoke("gateway-0", name, event)
    assert status == 429
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    end.touch()
    async with asyncio.timeout(60):
        while (answer := await cluster.invoke("gateway-0", name, event))[0] == 429:
            await asyncio.sleep(0.1)
    assert answer == (200, pid)


async def test_a_killed_gateways_functions_are_served_by_the_next_owner(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Requests that had not begun wait for the new owner: no 5xx, and the way back is open too."""
    name = cluster.functions["gateway-1"]
    event = {"seconds": 0, "file": str(tmp_path / "runs")}
    assert (await cluster.invoke("gateway-0", name, event))[0] == 200
    await asyncio.sleep(0.6)  # until a heartbeat has said that the slot is free again (rule M5)
    await cluster.kill("gateway-1")
    assert await invoke_once_heard(cluster, "gateway-0", name, event) == 200
    await cluster.run("gateway-1")
    assert await invoke_once_heard(cluster, "gateway-1", name, event) == 200
    assert await invoke_once_heard(cluster, "gateway-0", name, event) == 200


async def invoke_once_heard(cluster: Cluster, by: str, name: str, event: Any) -> int:
    """What a gateway said last, such as that an event runs, counts for a few seconds (M5)."""
    async with asyncio.timeout(60):
        while (status := (await cluster.invoke(by, name, event))[0]) == 429:
            await asyncio.sleep(0.1)
    return status
