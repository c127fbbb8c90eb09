"""Rows of an agent's resident memory: fresh, and after payloads of 6 MB both ways."""

import asyncio
import json
import urllib.request

from bench.environments import start_environments
from bench.installation import install, plan_function
from bench.load_program import LoadProgram
from bench.processes import read_resident_mb
from bench.report import Rounds, Row, collect

AGENTS = 3
PAYLOAD_BYTES = 6_291_000
PAYLOADS = 5
REST_S = 1.0
FRESH_MB, AFTER_MB = 6.0, 12.0


def measure_agent_memory(program: LoadProgram) -> list[Row]:
    """Several agents one after the other, each of them new."""
    fresh: list[float] = []
    after: list[float] = []
    given, function = plan_function("echo", memory_mb=1_769, timeout_s=30)
    with install(program) as installation:
        (gateway,) = installation.start_gateways(1, [given])
        url, address = gateway.invoke_url("echo"), f"127.0.0.1:{gateway.internal_port}"

        async def measure() -> None:
            async with start_environments(function, address, 1) as (pid,):
                await asyncio.to_thread(invoke, url, b"{}")
                await asyncio.sleep(REST_S)
                fresh.append(read_resident_mb(pid))
                for _ in range(PAYLOADS):
                    await asyncio.to_thread(invoke, url, json.dumps("x" * PAYLOAD_BYTES).encode())
                await asyncio.sleep(REST_S)
                after.append(read_resident_mb(pid))

        for _ in range(AGENTS):
            asyncio.run(measure())
    return [
        build_row("agent resident memory, fresh", collect(fresh), FRESH_MB),
        build_row(f"agent resident memory, after {PAYLOADS} x 6 MB", collect(after), AFTER_MB),
    ]


def invoke(url: str, body: bytes) -> None:
    """One invocation whose answer is its event; waits for the environment to start."""
    request = urllib.request.Request(url, data=body, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        if len(answer.read()) != len(body):
            raise RuntimeError("the function did not answer with its event")


def build_row(name: str, found: Rounds, target_mb: float) -> Row:
    return Row(
        name=name,
        value=found.text("MB", 1),
        spread=found.spread(1),
        target=f"{target_mb:.0f} MB",
        met=found.median <= target_mb,
        number=found.median,
    )
