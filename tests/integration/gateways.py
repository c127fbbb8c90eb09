"""Several gateways on loopback, as in a cluster: one catalog, one driver of environments."""

import asyncio
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from integration.conftest import MASTER, build_environments, make_function
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import GatewaySettings
from kubelambda.core.model.function import Function
from kubelambda.core.wire.demand import DemandReply, DemandReport, FunctionDemand
from kubelambda.gateway.server import Gateway
from kubelambda.local.environments.local_environments import LocalEnvironments

SLEEP = """
import os, time
def handler(event, context):
    with open(event["file"], "a") as runs:
        runs.write(context.aws_request_id + "\\n")
    time.sleep(event.get("seconds", 0))
    while "until" in event and not os.path.exists(event["until"]):
        time.sleep(0.05)
    return os.getpid()
"""
"""Tells of each run in a file; ends after some seconds, or once another file is there."""


@dataclass(slots=True)
class JoinedDemand:
    """The demand of all gateways, joined as the controller joins it, for one driver."""

    environments: LocalEnvironments
    reports: dict[str, DemandReport] = field(default_factory=dict)
    waiting: dict[str, dict[str, int]] = field(default_factory=dict)
    """Requests that wait, by gateway and function, as it was said last."""
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def report(self, report: DemandReport) -> DemandReply:
        self.reports[report.gateway] = report
        former = {} if report.base is None else self.waiting.get(report.gateway, {})
        present = {function.name: function.waiting for function in report.functions}
        self.waiting[report.gateway] = former | present
        joined: dict[tuple[str, str], FunctionDemand] = {}
        for demand in (
            function for report in self.reports.values() for function in report.functions
        ):
            key = (demand.namespace, demand.name)
            former = joined.get(key)
            joined[key] = FunctionDemand(
                demand.namespace,
                demand.name,
                demand.uid,
                demand.waiting + (former.waiting if former else 0),
                demand.environments + (former.environments if former else ()),
            )
        whole = DemandReport(report.gateway, report.sequence, tuple(joined.values()))
        async with self.one_at_a_time:
            return await self.environments.report(whole)


@dataclass(slots=True)
class Running:
    """One gateway of the group and how to end it."""

    gateway: Gateway
    stop: asyncio.Event
    task: asyncio.Task[None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway.public_port}"


class Gateways:
    """A group that grows and shrinks; agents dial the first of it, as they would the Service."""

    def __init__(self, state: Path) -> None:
        self.index = FunctionIndex()
        self.index.synced = True
        self.environments = build_environments(self.index, state)
        self._demand = JoinedDemand(self.environments)
        self._session: aiohttp.ClientSession | None = None
        self.running: dict[str, Running] = {}

    def put(self, name: str, source: str, **changes: Any) -> Function:
        function = make_function(name, source, **changes)
        self.index.put(function)
        return function

    async def add(self, name: str, **changes: Any) -> Running:
        """Start a gateway; returns when all agree that it is a member."""
        ports: dict[str, Any] = {"public_port": 0, "internal_port": 0, "metrics_port": 0}
        settings = GatewaySettings(
            host="127.0.0.1", pod_name=name, **(ports | {"linger_s": 0} | changes)
        )
        gateway = Gateway(settings, self.index, self._demand, MASTER, self.find_addresses)
        await gateway.start()
        stop = asyncio.Event()
        task = asyncio.create_task(gateway.serve_until(stop))
        self.running[name] = Running(gateway, stop, task)
        if not self.environments.gateway_address:
            self.environments.gateway_address = f"127.0.0.1:{gateway.internal_port}"
        await self.agree()
        return self.running[name]

    async def remove(self, name: str) -> None:
        """Stop a gateway gracefully."""
        one = self.running.pop(name)
        one.stop.set()
        await one.task
        self._demand.reports.pop(name, None)

    async def find_addresses(self) -> Sequence[str]:
        return [f"127.0.0.1:{running.gateway.internal_port}" for running in self.running.values()]

    async def agree(self) -> None:
        """Wait until all gateways hold the same view, with all of them in it."""
        async with asyncio.timeout(60):
            while True:
                views = {running.gateway.view for running in self.running.values()}
                if len(views) == 1:
                    names = [member.name for member in next(iter(views)).members]
                    if names == sorted(self.running):
                        return
                await asyncio.sleep(0.02)

    def owner_of(self, function: Function) -> str:
        """The name of the gateway that owns ``function``."""
        view = next(iter(self.running.values())).gateway.view
        owner = view.find_owner(function.ref)
        assert owner is not None
        return owner.name

    def waiting_at(self, gateway: str) -> dict[str, int]:
        """How many requests wait for each function, as ``gateway`` has told the controller."""
        return self._demand.waiting.get(gateway, {})

    def other_than(self, name: str) -> str:
        """A gateway that is not ``name``."""
        return next(other for other in self.running if other != name)

    async def invoke(self, gateway: str, name: str, event: Any = None) -> tuple[int, Any]:
        """Status and decoded body of an invocation by way of ``gateway``."""
        status, _, body = await self.send(gateway, name, json.dumps(event).encode())
        return status, json.loads(body)

    async def send(
        self,
        gateway: str,
        name: str,
        payload: bytes,
        headers: dict[str, str] | None = None,
        path: str = "/2015-03-31/functions/{name}/invocations",
    ) -> tuple[int, dict[str, str], bytes]:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(trust_env=False, connector=connector)
        url = self.running[gateway].url + path.format(name=name)
        body = io.BytesIO(payload)
        async with self._session.post(url, data=body, headers=headers) as response:
            return response.status, dict(response.headers), await response.read()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        for name in list(self.running):
            await self.remove(name)
        await self.environments.close()


async def wait_for_runs(runs: Path, count: int) -> None:
    """Until so many events of SLEEP have begun."""
    async with asyncio.timeout(60):
        while not runs.exists() or len(runs.read_text().split()) < count:
            await asyncio.sleep(0.02)


def count_outcomes(answers: Sequence[tuple[int, Any]]) -> Counter[int]:
    """How often each status came."""
    return Counter(status for status, _ in answers)
