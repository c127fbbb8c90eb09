"""Rows of overload: five times a function's reserved concurrency is offered."""

from bench.installation import install, plan_function
from bench.load_program import LoadProgram, Offered
from bench.report import Rounds, Row, collect

RESERVED = 15
HOLD_MS = 50
FULL_RATE = RESERVED * 1000 / HOLD_MS
TIMES = 5
ROUND_S = 2.0
ROUNDS = 5
UNCHANGED = 0.95
THROTTLE_P99_MS = 5.0


def measure_throttle(program: LoadProgram) -> list[Row]:
    """The same function under its concurrency and under five times of it, in turn."""
    given, function = plan_function("held", reserved_concurrency=RESERVED)
    once: list[Offered] = []
    over: list[Offered] = []
    with install(program) as installation:
        (gateway,) = installation.start_gateways(1, [given])
        installation.start_agents(gateway, function, RESERVED, HOLD_MS)
        url = gateway.invoke_url("held")
        program.offer(url, seconds=1, rate=FULL_RATE)
        for _ in range(ROUNDS):
            once.append(program.offer(url, seconds=ROUND_S, rate=FULL_RATE))
            over.append(program.offer(url, seconds=ROUND_S, rate=FULL_RATE * TIMES))
    accepted = collect(map(accepted_per_s, over))
    reference = collect(map(accepted_per_s, once))
    return [build_accepted_row(accepted, reference), *build_throttle_rows(over)]


def accepted_per_s(offered: Offered) -> float:
    """200s a second; RuntimeError where anything but 200 and 429 came."""
    others = set(offered.by_status) - {"200", "429"}
    if others:
        raise RuntimeError(f"answers that have no place here: {sorted(others)}")
    return offered.by_status["200"].count / offered.seconds


def build_accepted_row(accepted: Rounds, reference: Rounds) -> Row:
    ratio = accepted.over(reference).median
    return Row(
        name=f"accepted with {TIMES} x {RESERVED} concurrency offered",
        value=accepted.text("/s", 0),
        spread=accepted.spread(0),
        floor=f"1 x offered {reference.text('/s', 0)}",
        compared=f"{ratio:.2f} x",
        target="unchanged (0.95 x)",
        met=ratio >= UNCHANGED,
        number=accepted.median,
    )


def build_throttle_rows(over: list[Offered]) -> list[Row]:
    p50 = collect(one.by_status["429"].p50_ms for one in over)
    p99 = collect(one.by_status["429"].p99_ms for one in over)
    share = collect(one.by_status["429"].count / one.count * 100 for one in over)
    return [
        Row(
            name=f"429 latency {percent}, {FULL_RATE * TIMES:.0f}/s offered",
            value=found.text("ms"),
            spread=found.spread(),
            floor=f"{share.median:.0f} % were throttled",
            target=f"{THROTTLE_P99_MS:.0f} ms",
            met=found.median <= THROTTLE_P99_MS,
            number=found.median,
        )
        for percent, found in (("p50", p50), ("p99", p99))
    ]
