"""Rows of what a gateway adds to a request's time, for its own function and for another's."""

from bench.installation import Installation, RunningGateway, install, name_owned_by, plan_function
from bench.load_program import LoadProgram, Offered
from bench.report import Rounds, Row, collect

RATE = 500
ROUND_S = 2.0
ROUNDS = 7
ENVIRONMENTS = 16
NAMES = ("gateway-0", "gateway-1")


def measure_gateway(program: LoadProgram) -> list[Row]:
    """Four ways of the same request, taken in turn, several rounds."""
    with install(program) as installation:
        urls = start_ways(installation)
        found: dict[str, list[Offered]] = {way: [] for way in urls}
        for url in urls.values():
            program.offer(url, seconds=1, rate=RATE)
        for _ in range(ROUNDS):
            for way, url in urls.items():
                found[way].append(program.offer(url, seconds=ROUND_S, rate=RATE))
    p50 = {way: collect(one.expect(200).p50_ms for one in runs) for way, runs in found.items()}
    p99 = {way: collect(one.expect(200).p99_ms for one in runs) for way, runs in found.items()}
    return [
        build_floor_row("Go reverse proxy adds, p50", p50),
        build_added_row("gateway adds, owned, p50", p50, "owned", 0.15),
        build_added_row("gateway adds, forwarded, p50", p50, "forwarded", 0.3),
        build_tail_row("through the gateway, owned, p99", p99, "owned"),
        build_tail_row("through the gateway, forwarded, p99", p99, "forwarded"),
        build_lateness_row(collect(one.late_p99_ms for runs in found.values() for one in runs)),
    ]


def start_ways(installation: Installation) -> dict[str, str]:
    """The URL of each way: the floors, a gateway that owns the function, one that forwards."""
    given, function = plan_function(name_owned_by(NAMES[0], NAMES))
    gateways: list[RunningGateway] = installation.start_gateways(2, [given])
    installation.start_agents(gateways[0], function, ENVIRONMENTS)
    echo = installation.start_echo()
    _, proxy = installation.start_proxy(echo)
    name = function.function_name
    return {
        "echo": echo,
        "proxy": f"http://{proxy}",
        "owned": gateways[0].invoke_url(name),
        "forwarded": gateways[1].invoke_url(name),
    }


def build_floor_row(name: str, p50: dict[str, Rounds]) -> Row:
    added = p50["proxy"].minus(p50["echo"])
    return Row(
        name=f"{name}, {RATE}/s",
        value=added.text("ms"),
        spread=added.spread(),
        floor=f"Go echo {p50['echo'].text('ms')}",
        number=added.median,
    )


def build_lateness_row(late: Rounds) -> Row:
    """How busy the machine was otherwise: this delay is in nobody's latency, but its cause is."""
    return Row(
        name="the load's own delay, p99",
        value=late.text("ms", 2),
        spread=late.spread(2),
        number=late.median,
    )


def build_added_row(name: str, p50: dict[str, Rounds], way: str, target_ms: float) -> Row:
    added = p50[way].minus(p50["echo"])
    proxy = p50["proxy"].minus(p50["echo"])
    return Row(
        name=f"{name}, {RATE}/s",
        value=added.text("ms"),
        spread=added.spread(),
        floor=f"proxy adds {proxy.text('ms')}",
        compared=f"{added.over(proxy).median:.1f} x",
        target=f"{target_ms} ms",
        met=added.median <= target_ms,
        number=added.median,
    )


def build_tail_row(name: str, p99: dict[str, Rounds], way: str) -> Row:
    ratio = p99[way].over(p99["proxy"])
    return Row(
        name=f"{name}, {RATE}/s",
        value=p99[way].text("ms", 2),
        spread=p99[way].spread(2),
        floor=f"through the proxy {p99['proxy'].text('ms', 2)}",
        compared=f"{ratio.median:.1f} x",
        target="1.5 x",
        met=ratio.median <= 1.5,
        number=p99[way].median,
    )
