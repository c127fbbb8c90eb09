"""Rows of requests per second and core of a gateway: requests over the CPU time they cost it."""

import tempfile
from pathlib import Path

from bench.installation import Installation, install, plan_function
from bench.load_program import LoadProgram
from bench.processes import Child
from bench.report import Rounds, Row, collect, not_measured

CONNECTIONS = 32
ROUND_S = 2.0
ROUNDS = 5
NOT_BUILT = "SigV4 is not built"


def measure_throughput(program: LoadProgram) -> list[Row]:
    """Plain and TLS, each beside Go's reverse proxy under the same load."""
    with tempfile.TemporaryDirectory() as directory, install(program) as installation:
        plain = measure_kind(installation, {}, ())
        pair = program.make_certificate(Path(directory))
        files = [str(one) for one in pair]
        settings = {"tls_certificate_file": files[0], "tls_key_file": files[1]}
        tls = measure_kind(installation, settings, ("-certificate", files[0], "-key", files[1]))
    return [
        build_row("plain", plain, 22_000),
        not_measured(f"{NAME}, SigV4", NOT_BUILT, "16000/s"),
        build_row("TLS", tls, 12_000),
        not_measured(f"{NAME}, SigV4 and TLS", NOT_BUILT, "9000/s"),
    ]


NAME = "gateway requests per second and core"


def measure_kind(
    installation: Installation, settings: dict[str, str], proxy_arguments: tuple[str, ...]
) -> tuple[Rounds, Rounds]:
    """Requests per CPU second of the gateway and of the proxy, in turn."""
    given, function = plan_function("echo")
    (gateway,) = installation.start_gateways(1, [given], settings)
    installation.start_agents(gateway, function, CONNECTIONS)
    proxy, address = installation.start_proxy(installation.start_echo(), *proxy_arguments)
    ways: list[tuple[Child, str]] = [
        (gateway.process, gateway.invoke_url("echo")),
        (proxy, f"{gateway.scheme}://{address}"),
    ]
    found: list[list[float]] = [[], []]
    for number in range(ROUNDS + 1):
        for way, (process, url) in enumerate(ways):
            rate = count_per_cpu_s(installation.program, process, url)
            if number:
                found[way].append(rate)
    return collect(found[0]), collect(found[1])


def count_per_cpu_s(program: LoadProgram, process: Child, url: str) -> float:
    """Requests answered per CPU second of ``process``, closed loop."""
    before = process.read_cpu_s()
    offered = program.offer(url, seconds=ROUND_S, connections=CONNECTIONS)
    return offered.expect(200).count / (process.read_cpu_s() - before)


def build_row(kind: str, found: tuple[Rounds, Rounds], target: int) -> Row:
    gateway, proxy = found
    return Row(
        name=f"{NAME}, {kind}",
        value=gateway.text("/s", 0),
        spread=gateway.spread(0),
        floor=f"proxy {proxy.text('/s', 0)}",
        compared=f"{gateway.over(proxy).median:.2f} x",
        target=f"{target}/s",
        met=gateway.median >= target,
        number=gateway.median,
    )
