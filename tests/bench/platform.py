"""Figures of a warm invocation over the whole platform: gateway, agent, the real awslambdaric."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.bench_run import BenchRun
from bench.closed_loop import Loop, Way, measure_loop
from bench.figures import Figure, Target, take_turns
from bench.gateway_process import MASTER
from bench.installation import Installation, install, plan_function
from bench.load_program import CpuReader, LoadProgram, Offered, decode_offered
from bench.processes import Child, find_descendants, read_cpu_s
from bench.report import Row, not_measured
from bench.system_calls import NoCounterError, count_calls, find_counter
from bench.trees import Tree
from kubelambda.core.model.environment_variables import build_configure
from kubelambda.core.model.function import Function
from kubelambda.core.wire.keys import derive_function_key

RATE = 100
ENVIRONMENTS = 4
ROUND_S = 1.0
LOOP_ENVIRONMENTS = 20
CALLS_ROUNDS = 3
OPEN_CONNECTIONS = 8
"""How many the load program warms up for an open loop."""
ECHO, AGENT, PLATFORM = "echo", "agent", "platform"
REGION = "us-east-1"
MEMORY_MB = 1_769


@dataclass(frozen=True, slots=True)
class Platform:
    """A gateway of one tree with environments of one function."""

    side: str
    url: str
    agents: Sequence[int]
    clocks: Mapping[str, CpuReader]


@dataclass(frozen=True, slots=True)
class Seen:
    """One way in one round."""

    p50_ms: float
    p99_ms: float
    cpu_us: Mapping[str, float] = field(default_factory=dict)
    """Per event, by process."""


Round = dict[tuple[str, str], Seen]
"""What one round found, by kind and side of the way."""


def measure_platform(run: BenchRun) -> list[Row]:
    """Latency at an even rate, then a closed loop over more environments."""
    return [*measure_rate(run), *measure_environments(run)]


def measure_rate(run: BenchRun) -> list[Row]:
    """An echo function by way of the gateway, its agents without one, and the Go echo, in turn."""
    with install(run.program) as installation:
        platforms = [start_platform(installation, tree, ENVIRONMENTS) for tree in run.trees]
        drivers = {tree.side: start_driver(installation, tree) for tree in run.trees}
        echo = installation.start_echo()
        ways: dict[tuple[str, str], Callable[[], Seen]] = {
            (ECHO, ECHO): lambda: see(offer(run.program, echo))
        }
        ways |= {(AGENT, side): partial(see_agent, one) for side, one in drivers.items()}
        ways |= {(PLATFORM, one.side): partial(see_platform, run, one) for one in platforms}
        figures = build_figures(take_turns(run.rounds, ways))
        rows = [figure.build_row() for figure in figures]
        return [*rows, *(count_agent_calls(run, platforms, rate) for rate in (0, RATE))]


def start_platform(installation: Installation, tree: Tree, count: int) -> Platform:
    """Environments that have served an event: every process of theirs is there."""
    given, _ = plan_function("echo", memory_mb=MEMORY_MB)
    (gateway,) = installation.start_gateways(tree, 1, [given])
    agents = installation.start_environments(tree, given, gateway.link_address, count)
    url = gateway.invoke_url("echo")
    installation.program.offer(url, seconds=1, connections=count).expect(200)
    runtimes = [pid for agent in agents for pid in find_descendants(agent)]
    clocks: dict[str, CpuReader] = {
        "gateway": gateway.process.read_cpu_s,
        "agent": partial(sum_cpu_s, agents),
        "awslambdaric": partial(sum_cpu_s, runtimes),
    }
    return Platform(tree.side, url, agents, clocks)


def sum_cpu_s(pids: Sequence[int]) -> float:
    return sum(map(read_cpu_s, pids))


def start_driver(installation: Installation, tree: Tree) -> Child:
    """What stands in for a gateway, with environments of its own."""
    given, function = plan_function("echo", memory_mb=MEMORY_MB)
    driver = installation.stack.enter_context(
        installation.program.serve("drive", json.dumps(plan_drive(function)))
    )
    address = f"127.0.0.1:{driver.read_line()}"
    installation.start_environments(tree, given, address, ENVIRONMENTS)
    driver.read_line()
    return driver


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


def see(offered: Offered) -> Seen:
    answers = offered.expect(200)
    return Seen(answers.p50_ms, answers.p99_ms)


def see_agent(driver: Child) -> Seen:
    driver.say(f"{RATE} {ROUND_S}")
    return see(decode_offered(driver.read_line()))


def see_platform(run: BenchRun, platform: Platform) -> Seen:
    offered = run.program.offer(platform.url, seconds=ROUND_S, rate=RATE, clocks=platform.clocks)
    answers = offered.expect(200)
    cpu_us = {name: cpu_s / answers.count * 1e6 for name, cpu_s in offered.cpu_s.items()}
    return Seen(answers.p50_ms, answers.p99_ms, cpu_us)


def build_figures(rounds: Sequence[Round]) -> list[Figure]:
    """Latencies, and the CPU of each process per event."""
    added = Figure(f"warm, p50 less the echo's, {RATE}/s", "ms", 3, target=Target(0.4))
    warm = Figure(f"warm, p50, {RATE}/s", "ms", 3, ECHO)
    tail = Figure(f"warm, p99, {RATE}/s", "ms", 2, ECHO)
    agent = Figure(f"agent and awslambdaric without a gateway, p50, {RATE}/s", "ms", 3)
    cpu: dict[str, Figure] = {}
    for found in rounds:
        echo = found[ECHO, ECHO]
        for (kind, side), seen in found.items():
            if kind == AGENT:
                agent.add(side, seen.p50_ms)
                continue
            warm.add(side, seen.p50_ms)
            tail.add(side, seen.p99_ms)
            if kind == PLATFORM:
                added.add(side, seen.p50_ms - echo.p50_ms)
            for process, cpu_us in seen.cpu_us.items():
                name = f"CPU per event, {process}, {RATE}/s"
                cpu.setdefault(process, Figure(name, "us", 0)).add(side, cpu_us)
    return [warm, added, agent, tail, *cpu.values()]


def count_agent_calls(run: BenchRun, platforms: Sequence[Platform], rate: int) -> Row:
    """System calls of the agents per event; ``rate`` 0: one event after the other on each."""
    name = f"system calls per event, agent, {f'{rate}/s' if rate else 'closed loop'}"
    try:
        counter = find_counter()
    except NoCounterError as error:
        return not_measured(name, str(error))
    name += f" (by {counter})"
    figure = Figure(name, "", 1, target=Target(10))
    connections = OPEN_CONNECTIONS if rate else ENVIRONMENTS

    def count(platform: Platform) -> float:
        offered: list[Offered] = []
        calls = count_calls(
            counter,
            platform.agents,
            lambda: offered.append(
                run.program.offer(platform.url, seconds=1, rate=rate, connections=connections)
            ),
        )
        return calls / (offered[0].expect(200).count + connections)  # each connection warms up

    for found in take_turns(CALLS_ROUNDS, {one.side: partial(count, one) for one in platforms}):
        for side, calls in found.items():
            figure.add(side, calls)
    return figure.build_row()


def measure_environments(run: BenchRun) -> list[Row]:
    """As many connections as environments, each with one event after the other."""
    with install(run.program) as installation:
        platforms = [start_platform(installation, tree, LOOP_ENVIRONMENTS) for tree in run.trees]
        loop = Loop(f"{LOOP_ENVIRONMENTS} environments", LOOP_ENVIRONMENTS)
        return measure_loop(run, loop, [Way(one.side, one.url, one.clocks) for one in platforms])
