"""A network between agent and gateway that cuts and stalls (docs/link.md, sections 6 and 7)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import Installation
from integration.faults.link_proxy import LinkProxy
from integration.faults.wire import invoke_when_free, wait_until

WORK = """
import os, time
def handler(event, context):
    with open(event["runs"], "a") as runs:
        runs.write(context.aws_request_id + "\\n")
    while "until" in event and not os.path.exists(event["until"]):
        time.sleep(0.02)
    return [os.getpid(), "x" * event.get("size", 0)]
"""
QUICK_TO_NOTICE: dict[str, Any] = {"link_ping_s": 0.2, "link_dead_s": 1.0}


class Network:
    """An installation whose agents reach their gateway through a proxy; one slot."""

    def __init__(self, installation: Installation, proxy: LinkProxy, runs: Path) -> None:
        self.installation = installation
        self.proxy = proxy
        self._runs = runs
        self._end = runs.with_name("end")
        installation.put("work", WORK, timeout_s=30, reserved_concurrency=1)

    @property
    def runs(self) -> list[str]:
        """The request ids of all events that have begun to run."""
        return self._runs.read_text().split() if self._runs.exists() else []

    async def invoke(self, **event: Any) -> dict[str, Any]:
        """An invocation as soon as the one slot is free."""
        return await invoke_when_free(self.installation, "work", event | {"runs": str(self._runs)})

    async def begin(self, **event: Any) -> asyncio.Task[dict[str, Any]]:
        """An invocation that has begun to run, and does so until ``end``."""
        before = len(self.runs)
        task = asyncio.create_task(self.invoke(until=str(self._end), **event))
        await wait_until(lambda: len(self.runs) > before)
        return task

    def end(self) -> None:
        """Let what was begun write its result."""
        self._end.touch()


@pytest.fixture
async def make_network(
    make_installation: Callable[..., Awaitable[Installation]], tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[Network]]]:
    proxies = []

    async def make(**changes: Any) -> Network:
        installation = await make_installation(**changes)
        proxy = LinkProxy(installation.gateway.internal_port)
        await proxy.start()
        proxies.append(proxy)
        installation.environments.gateway_address = f"127.0.0.1:{proxy.port}"
        return Network(installation, proxy, tmp_path / "runs")

    yield make
    for proxy in proxies:
        await proxy.close()


MakeNetwork = Callable[..., Awaitable[Network]]


def is_killed(answer: dict[str, Any]) -> bool:
    return (
        answer["StatusCode"] == 200
        and answer["FunctionError"] == "Unhandled"
        and answer["Payload"]["errorType"] == "Runtime.ExitError"
        and answer["Payload"]["errorMessage"].endswith("signal: killed")
    )


async def test_a_cut_in_mid_event_is_signal_killed_and_the_event_runs_once(
    make_network: MakeNetwork,
) -> None:
    """Link 5 and 7: the slot is free again, and nobody gets the event's late result."""
    network = await make_network()
    running = await network.begin(size=10)
    network.proxy.cut()
    network.end()
    assert is_killed(await running)
    for _ in range(2):
        assert (await network.invoke())["Payload"][1] == ""
    assert len(network.runs) == len(set(network.runs)) == 3


async def test_a_cut_between_events_costs_nobody_anything(make_network: MakeNetwork) -> None:
    network = await make_network()
    pid = (await network.invoke())["Payload"][0]
    network.proxy.cut()
    await wait_until(lambda: len(network.proxy.pipes) == 2)
    assert (await network.invoke())["Payload"][0] == pid
    assert len(network.runs) == 2


async def test_a_cut_while_the_event_is_handed_over_runs_nothing(
    make_network: MakeNetwork,
) -> None:
    """Link 5: an event that has not come whole is not begun; and it is not handed over again."""
    network = await make_network()
    await network.invoke()
    network.proxy.cut_after("to agent", 100_000)
    assert is_killed(await network.invoke(padding="y" * 1_000_000))
    assert "FunctionError" not in await network.invoke()
    assert len(network.runs) == 2


async def test_a_cut_while_the_answer_is_on_its_way_gives_no_half_answer(
    make_network: MakeNetwork,
) -> None:
    network = await make_network()
    await network.invoke()
    network.proxy.cut_after("to gateway", 100_000)
    assert is_killed(await network.invoke(size=1_000_000))
    assert "FunctionError" not in await network.invoke()
    assert len(network.runs) == len(set(network.runs)) == 3


async def test_a_stall_that_ends_in_time_is_only_a_delay(make_network: MakeNetwork) -> None:
    """Link 6: silence below the limit ends nothing."""
    network = await make_network(link_ping_s=0.2, link_dead_s=15.0)
    running = await network.begin(size=1_000_000)
    network.proxy.stall()
    network.end()
    await asyncio.sleep(1.5)
    assert not running.done()
    network.proxy.resume()
    answer = await running
    assert len(answer["Payload"][1]) == 1_000_000
    assert (await network.invoke())["Payload"][0] == answer["Payload"][0]
    assert len(network.runs) == 2


async def test_a_stall_up_to_the_limit_is_the_end_of_the_link_for_the_gateway(
    make_network: MakeNetwork,
) -> None:
    """Link 6: the caller is answered; when bytes flow again the agent learns of it and returns."""
    network = await make_network(**QUICK_TO_NOTICE)
    running = await network.begin()
    network.proxy.stall()
    network.end()
    assert is_killed(await running)
    network.proxy.resume()
    assert "FunctionError" not in await network.invoke()
    assert len(network.runs) == len(set(network.runs)) == 2


async def test_a_stall_without_end_is_noticed_by_the_agent_too(make_network: MakeNetwork) -> None:
    """Link 6: after 20 s of silence it dials again, with the environment as it is."""
    network = await make_network(**QUICK_TO_NOTICE)
    running = await network.begin()
    network.proxy.stall()
    network.end()
    assert is_killed(await running)
    answer = await network.invoke()
    assert "FunctionError" not in answer
    assert len(network.runs) == len(set(network.runs)) == 2
    assert len(network.proxy.pipes) == 2
