"""Figures of what a gateway adds to a request's time, for its own function and for another's."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from bench.bench_run import BenchRun
from bench.figures import Figure, Target, take_turns
from bench.installation import Installation, install, name_owned_by, plan_function
from bench.processes import Child
from bench.report import Row
from bench.trees import NOW, Tree

RATE = 500
ROUND_S = 1.0
ENVIRONMENTS = 16
TAIL_LIMIT = 1.5
NAMES = ("gateway-0", "gateway-1")
ECHO, PROXY = "echo", "proxy"
OWNED, FORWARDED = "owned", "forwarded"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of the same request."""

    kind: str
    """ECHO, PROXY, OWNED or FORWARDED."""
    side: str
    url: str
    processes: Sequence[Child] = ()
    """Whose CPU it costs."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One way in one round."""

    p50_ms: float
    p99_ms: float
    late_p99_ms: float
    cpu_us: float
    """Of all its processes together, per request."""


Round = dict[tuple[str, str], Seen]
"""What one round found, by kind and side of the way."""


def measure_gateway(run: BenchRun) -> list[Row]:
    """All ways of the same request in turn, at an even rate."""
    with install(run.program) as installation:
        ways = start_ways(run, installation)
        rounds = take_turns(
            run.rounds, {(way.kind, way.side): partial(measure_way, run, way) for way in ways}
        )
    late = Figure("the load's own delay, p99", "ms", 2)
    for found in rounds:
        late.add(NOW, max(seen.late_p99_ms for seen in found.values()))
    figures = [*build_figures(OWNED, rounds, 1.0), *build_figures(FORWARDED, rounds, 2.0), late]
    return [figure.build_row() for figure in figures]


def measure_way(run: BenchRun, way: Way) -> Seen:
    clocks = {str(one.pid): one.read_cpu_s for one in way.processes}
    offered = run.program.offer(way.url, seconds=ROUND_S, rate=RATE, clocks=clocks)
    answers = offered.expect(200)
    cpu_us = sum(offered.cpu_s.values()) / answers.count * 1e6
    return Seen(answers.p50_ms, answers.p99_ms, offered.late_p99_ms, cpu_us)


def build_figures(kind: str, rounds: Sequence[Round], added_limit: float) -> list[Figure]:
    """What a kind of way adds to the echo's time, its tail, and its CPU, beside the proxy's."""
    name = f"{kind}, {RATE}/s"
    added = Figure(f"added p50, {name}", "ms", 3, PROXY, Target(added_limit, of_floor=True))
    tail = Figure(f"p99, {name}", "ms", 2, PROXY, Target(TAIL_LIMIT, of_floor=True))
    cpu = Figure(f"CPU per request, {name}", "us", 0, PROXY)
    for found in rounds:
        echo = found[ECHO, ECHO]
        for (of_kind, side), seen in found.items():
            if of_kind in (kind, PROXY):
                added.add(side, seen.p50_ms - echo.p50_ms)
                tail.add(side, seen.p99_ms)
                cpu.add(side, seen.cpu_us)
    return [added, tail, cpu]


def start_ways(run: BenchRun, installation: Installation) -> list[Way]:
    """The floors and, for each tree, a gateway that owns the function and one that forwards."""
    echo = installation.start_echo()
    proxy, address = installation.start_proxy(echo)
    ways = [Way(ECHO, ECHO, echo), Way(PROXY, PROXY, f"http://{address}", (proxy,))]
    for tree in run.trees:
        ways += start_tree_ways(installation, tree)
    return ways


def start_tree_ways(installation: Installation, tree: Tree) -> list[Way]:
    given, function = plan_function(name_owned_by(NAMES[0], NAMES))
    owner, other = installation.start_gateways(tree, 2, [given])
    installation.start_agents(owner, function, ENVIRONMENTS)
    name = function.function_name
    return [
        Way(OWNED, tree.side, owner.invoke_url(name), (owner.process,)),
        Way(FORWARDED, tree.side, other.invoke_url(name), (owner.process, other.process)),
    ]
