"""Rows of asynchronous invocation, through a real NATS server: accepting, and dispatching."""

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client

import nats
from bench.bench_run import BenchRun
from bench.gateway_process import MASTER
from bench.installation import Installation, RunningGateway, install, plan_function
from bench.load_program import Latency, LoadProgram
from bench.nats import run_nats
from bench.processes import running
from bench.report import Rounds, Row, collect
from bench.trees import Tree
from kubelambda.stores.jetstream_streams import EVENTS

RATE = 100
ACCEPT_S = 3.0
ROUNDS = 5
BACKLOG_CONNECTIONS = 32
BACKLOG_S = 3.0
ENVIRONMENTS = 64
EVENT = ("X-Amz-Invocation-Type: Event",)
SETTLE_S = 180.0
CLOSE_S = 2.0
PROCESS = "dispatcher_process"
SYNC_WRITES = 200
TARGETS = {True: 4_000, False: 8_000}


@dataclass(frozen=True, slots=True)
class Accepted:
    """Latencies of 202s, one of each round, and what the disk takes for one record."""

    runs: list[Latency]
    disk_ms: Rounds


def measure_events(run: BenchRun) -> list[Row]:
    """The same with fsync of every message and without."""
    rows: list[Row] = []
    program, tree = run.program, run.tree
    for sync in (True, False):
        with (
            tempfile.TemporaryDirectory() as directory,
            install(program) as installation,
            run_nats(Path(directory), sync=sync) as (_, url),
        ):
            gateway = start(installation, tree, url)
            accepted = accept(program, gateway, Path(directory))
            rates = [dispatch(run, gateway, url, Path(directory)) for _ in range(ROUNDS - 2)]
        rows += [*build_accept_rows(accepted, sync), build_dispatch_row(collect(rates), sync)]
    return rows


def start(installation: Installation, tree: Tree, queue_url: str) -> RunningGateway:
    """One gateway with a queue, and environments that answer at once."""
    given, function = plan_function("echo")
    (gateway,) = installation.start_gateways(tree, 1, [given], {"queue_url": queue_url})
    installation.start_agents(gateway, function, ENVIRONMENTS)
    return gateway


def accept(program: LoadProgram, gateway: RunningGateway, directory: Path) -> Accepted:
    """Events at an even rate; between the rounds the disk by itself."""
    url = gateway.invoke_url("echo")
    program.offer(url, seconds=1, rate=RATE, headers=EVENT)
    runs, disk = [], []
    for _ in range(ROUNDS):
        offered = program.offer(url, seconds=ACCEPT_S, rate=RATE, headers=EVENT)
        runs.append(offered.expect(202))
        disk.append(time_sync_writes(directory))
    return Accepted(runs, collect(disk))


def time_sync_writes(directory: Path) -> float:
    """Median milliseconds to append a small record and have it on the disk."""
    taken = []
    with (directory / "probe").open("ab", buffering=0) as probe:
        for _ in range(SYNC_WRITES):
            started = time.perf_counter()
            probe.write(b"x" * 512)
            os.fdatasync(probe.fileno())
            taken.append(time.perf_counter() - started)
    return collect(taken).median * 1000


def dispatch(run: BenchRun, gateway: RunningGateway, queue_url: str, directory: Path) -> float:
    """Events per CPU second of a dispatcher that finds a backlog and empties it."""
    run.program.offer(
        gateway.invoke_url("echo"),
        seconds=BACKLOG_S,
        connections=BACKLOG_CONNECTIONS,
        headers=EVENT,
    ).expect(202)
    secret = directory / "master"
    secret.write_bytes(MASTER)
    command = run.tree.command(PROCESS, queue_url, gateway.link_address, str(secret))
    with running(command, run.tree.variables(PROCESS)) as dispatcher:
        return asyncio.run(count_per_cpu_s(queue_url, dispatcher.read_cpu_s))


async def count_per_cpu_s(queue_url: str, read_cpu_s: Callable[[], float]) -> float:
    """From the first event that is gone to the last."""
    client = await nats.connect(queue_url, allow_reconnect=False)
    try:
        total = left = await count_messages(client)
        while left == total:
            await asyncio.sleep(0.01)
            left = await count_messages(client)
        cpu_s, begun_with = read_cpu_s(), left
        end = time.monotonic() + SETTLE_S
        while left and time.monotonic() < end:
            await asyncio.sleep(0.02)
            left = await count_messages(client)
        return (begun_with - left) / (read_cpu_s() - cpu_s)
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):  # nats-py waits for ever where the server has gone
                await client.close()


async def count_messages(client: Client) -> int:
    """Events that are not settled yet."""
    reply = await client.request(f"$JS.API.STREAM.INFO.{EVENTS}", b"", timeout=5)
    return int(json.loads(reply.data)["state"]["messages"])


def build_accept_rows(accepted: Accepted, sync: bool) -> list[Row]:
    p50 = collect(one.p50_ms for one in accepted.runs)
    p99 = collect(one.p99_ms for one in accepted.runs)
    kind = "fsync" if sync else "no fsync"
    return [
        Row(
            name=f"async accept, {kind}, {percent}, {RATE}/s",
            value=found.text("ms", 2),
            spread=found.spread(2),
            floor=f"write and fdatasync {accepted.disk_ms.text('ms', 2)}" if sync else "",
            compared=f"{found.over(accepted.disk_ms).median:.1f} x" if sync else "",
            target=f"{target_ms} ms" if sync else "",
            met=found.median <= target_ms if sync else None,
            number=found.median,
        )
        for percent, found, target_ms in (("p50", p50, 0.8), ("p99", p99, 5))
    ]


def build_dispatch_row(found: Rounds, sync: bool) -> Row:
    target = TARGETS[sync]
    return Row(
        name=f"async dispatch per core, {'fsync' if sync else 'no fsync'}",
        value=found.text("/s", 0),
        spread=found.spread(0),
        target=f"{target}/s",
        met=found.median >= target,
        number=found.median,
    )
