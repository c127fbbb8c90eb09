"""Figures of resident memory: an agent fresh and after payloads of 6 MB both ways, and a gateway.

For each round a new gateway and a new agent, so that what is found before is that of a small event.
"""

import json
import time
import urllib.request
from dataclasses import dataclass
from functools import partial

from bench.bench_run import BenchRun
from bench.figures import Figure, Target, take_turns
from bench.installation import install, plan_function
from bench.processes import read_resident_mb
from bench.report import Row
from bench.trees import Tree

ROUNDS = 3
PAYLOAD_BYTES = 6_291_000
PAYLOADS = 5
CONNECTIONS = 1_000
ENVIRONMENTS = 32
REST_S = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One tree in one round; MB."""

    agent_fresh: float
    agent_after: float
    gateway_rest: float
    gateway_connected: float


def measure_memory(run: BenchRun) -> list[Row]:
    """Several agents and gateways one after the other, each of them new."""
    agent = Figure("memory of an agent, fresh", "MB", 1, target=Target(6))
    after = Figure(f"memory of an agent, after {PAYLOADS} x 6 MB", "MB", 1, target=Target(12))
    rest = Figure("memory of a gateway at rest", "MB", 1)
    connected = Figure(f"memory of a gateway, {CONNECTIONS} kept connections", "MB", 1)
    ways = {tree.side: partial(see, run, tree) for tree in run.trees}
    for found in take_turns(min(run.rounds, ROUNDS), ways):
        for side, seen in found.items():
            agent.add(side, seen.agent_fresh)
            after.add(side, seen.agent_after)
            rest.add(side, seen.gateway_rest)
            connected.add(side, seen.gateway_connected)
    return [figure.build_row() for figure in (agent, after, rest, connected)]


def see(run: BenchRun, tree: Tree) -> Seen:
    return Seen(*see_agent(run, tree), *see_gateway(run, tree))


def see_agent(run: BenchRun, tree: Tree) -> tuple[float, float]:
    """Fresh, and after large payloads."""
    given, _ = plan_function("echo", memory_mb=1_769, timeout_s=30)
    with install(run.program) as installation:
        (gateway,) = installation.start_gateways(tree, 1, [given])
        (pid,) = installation.start_environments(tree, given, gateway.link_address, 1)
        url = gateway.invoke_url("echo")
        invoke(url, b"{}")
        time.sleep(REST_S)
        fresh = read_resident_mb(pid)
        for _ in range(PAYLOADS):
            invoke(url, json.dumps("x" * PAYLOAD_BYTES).encode())
        time.sleep(REST_S)
        return fresh, read_resident_mb(pid)


def see_gateway(run: BenchRun, tree: Tree) -> tuple[float, float]:
    """With linked environments that have served nothing, and with clients that have been served."""
    given, function = plan_function("echo")
    with install(run.program) as installation:
        (gateway,) = installation.start_gateways(tree, 1, [given])
        installation.start_agents(gateway, function, ENVIRONMENTS)
        time.sleep(REST_S)
        rest = read_resident_mb(gateway.process.pid)
        url = gateway.invoke_url("echo")
        held = run.program.serve("hold", "-url", url, "-connections", str(CONNECTIONS))
        installation.stack.enter_context(held).read_line()
        time.sleep(REST_S)
        return rest, read_resident_mb(gateway.process.pid)


def invoke(url: str, body: bytes) -> None:
    """One invocation whose answer is its event; waits for the environment to start."""
    request = urllib.request.Request(url, data=body, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        if len(answer.read()) != len(body):
            raise RuntimeError("the function did not answer with its event")
