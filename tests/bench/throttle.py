"""Figures of overload: five times a function's reserved concurrency is offered."""

from dataclasses import dataclass
from functools import partial

from bench.bench_run import BenchRun
from bench.figures import Figure, Target, take_turns
from bench.installation import Installation, install, plan_function
from bench.load_program import Offered
from bench.report import Row
from bench.trees import Tree

RESERVED = 15
HOLD_MS = 50
FULL_RATE = RESERVED * 1000 / HOLD_MS
TIMES = 5
ROUND_S = 2.0
ONCE = "1 x offered"
UNCHANGED = 0.95
THROTTLE_MS = 5.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One gateway in one round: its concurrency offered, then five times as much."""

    once_per_s: float
    over_per_s: float
    throttle_p50_ms: float
    throttle_p99_ms: float
    throttled_percent: float


def measure_throttle(run: BenchRun) -> list[Row]:
    """The same function under its concurrency and under five times of it, in turn."""
    with install(run.program) as installation:
        urls = {tree.side: start(installation, tree) for tree in run.trees}
        rounds = take_turns(
            run.rounds // 2, {side: partial(see, run, url) for side, url in urls.items()}
        )
    rate = FULL_RATE * TIMES
    unchanged = Target(UNCHANGED, of_floor=True, at_least=True)
    accepted = Figure(
        f"accepted, {TIMES} x {RESERVED} concurrency offered", "/s", 0, ONCE, unchanged
    )
    p50 = Figure(f"429 latency p50, {rate:.0f}/s offered", "ms", 3, target=Target(THROTTLE_MS))
    p99 = Figure(f"429 latency p99, {rate:.0f}/s offered", "ms", 3, target=Target(THROTTLE_MS))
    share = Figure(f"throttled of {rate:.0f}/s offered", "%", 0)
    for found in rounds:
        for side, seen in found.items():
            accepted.add(side, seen.over_per_s)
            p50.add(side, seen.throttle_p50_ms)
            p99.add(side, seen.throttle_p99_ms)
            share.add(side, seen.throttled_percent)
        accepted.add(ONCE, found[run.tree.side].once_per_s)
    return [figure.build_row() for figure in (accepted, p50, p99, share)]


def start(installation: Installation, tree: Tree) -> str:
    given, function = plan_function("held", reserved_concurrency=RESERVED)
    (gateway,) = installation.start_gateways(tree, 1, [given])
    installation.start_agents(gateway, function, RESERVED, HOLD_MS)
    return gateway.invoke_url("held")


def see(run: BenchRun, url: str) -> Seen:
    once = run.program.offer(url, seconds=ROUND_S, rate=FULL_RATE)
    over = run.program.offer(url, seconds=ROUND_S, rate=FULL_RATE * TIMES)
    throttled = over.by_status["429"]
    return Seen(
        accepted_per_s(once),
        accepted_per_s(over),
        throttled.p50_ms,
        throttled.p99_ms,
        throttled.count / over.count * 100,
    )


def accepted_per_s(offered: Offered) -> float:
    """200s a second; RuntimeError where anything but 200 and 429 came."""
    others = set(offered.by_status) - {"200", "429"}
    if others:
        raise RuntimeError(f"answers that have no place here: {sorted(others)}")
    return offered.by_status["200"].count / offered.seconds
