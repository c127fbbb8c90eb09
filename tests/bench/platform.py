"""Rows of a warm invocation over the whole platform: gateway, agent and the real awslambdaric."""

import asyncio
import json
from typing import Any

from bench.environments import start_environments
from bench.gateway_process import MASTER
from bench.installation import Installation, install, plan_function
from bench.load_program import Latency, LoadProgram, Offered, decode_offered
from bench.processes import Child
from bench.report import Rounds, Row, collect
from kubelambda.core.model.environment_variables import build_configure
from kubelambda.core.model.function import Function
from kubelambda.core.wire.keys import derive_function_key

RATE = 100
ENVIRONMENTS = 4
ROUND_S = 4.0
ROUNDS = 5
TARGET_MS = 0.4
REGION = "us-east-1"


def measure_platform(program: LoadProgram) -> list[Row]:
    """An echo function by way of the gateway, its agents without one, and the Go echo, in turn."""
    with install(program) as installation:
        found = asyncio.run(run_rounds(installation))
    p50 = {way: collect(one.p50_ms for one in runs) for way, runs in found.items()}
    p99 = {way: collect(one.p99_ms for one in runs) for way, runs in found.items()}
    return build_rows(p50, p99)


async def run_rounds(installation: Installation) -> dict[str, list[Latency]]:
    """Latencies by way, one of each round."""
    given, function = plan_function("echo", memory_mb=1_769)
    (gateway,) = installation.start_gateways(1, [given])
    driver = installation.stack.enter_context(
        installation.program.serve("drive", json.dumps(plan_drive(function)))
    )
    port, echo = driver.read_line(), installation.start_echo()
    url = gateway.invoke_url("echo")
    found: dict[str, list[Latency]] = {"echo": [], "agent": [], "platform": []}
    async with (
        start_environments(function, f"127.0.0.1:{gateway.internal_port}", ENVIRONMENTS),
        start_environments(function, f"127.0.0.1:{port}", ENVIRONMENTS),
    ):
        await asyncio.to_thread(driver.read_line)
        for number in range(ROUNDS + 1):
            round_found = {
                "echo": await asyncio.to_thread(offer, installation.program, echo),
                "agent": await asyncio.to_thread(drive, driver),
                "platform": await asyncio.to_thread(offer, installation.program, url),
            }
            for way, one in round_found.items() if number else ():
                found[way].append(one.expect(200))
    return found


def plan_drive(function: Function) -> dict[str, Any]:
    """What the driver needs to stand in for a gateway."""
    return {
        "key": derive_function_key(MASTER, function.uid, 1).hex(),
        "configure": build_configure(function, REGION),
        "body": "{}",
        "count": ENVIRONMENTS,
    }


def offer(program: LoadProgram, url: str) -> Offered:
    return program.offer(url, seconds=ROUND_S, rate=RATE)


def drive(driver: Child) -> Offered:
    driver.say(f"{RATE} {ROUND_S}")
    return decode_offered(driver.read_line())


def build_rows(p50: dict[str, Rounds], p99: dict[str, Rounds]) -> list[Row]:
    overhead = p50["platform"].minus(p50["echo"])
    gateway = p50["platform"].minus(p50["agent"])
    return [
        Row(
            name=f"platform overhead warm, awslambdaric, p50, {RATE}/s",
            value=overhead.text("ms"),
            spread=overhead.spread(),
            floor=f"Go echo {p50['echo'].text('ms')}",
            compared=f"{p50['platform'].over(p50['echo']).median:.1f} x",
            target=f"{TARGET_MS} ms",
            met=overhead.median <= TARGET_MS,
            number=overhead.median,
        ),
        Row(
            name=f"warm invocation, awslambdaric, p99, {RATE}/s",
            value=p99["platform"].text("ms"),
            spread=p99["platform"].spread(),
            floor=f"agent without gateway {p99['agent'].text('ms')}",
            compared=f"{p99['platform'].over(p99['agent']).median:.1f} x",
            number=p99["platform"].median,
        ),
        Row(
            name=f"of it agent and awslambdaric, p50, {RATE}/s",
            value=p50["agent"].text("ms"),
            spread=p50["agent"].spread(),
            floor=f"the gateway adds {gateway.text('ms')}",
            number=p50["agent"].median,
        ),
    ]
