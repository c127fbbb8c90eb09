"""Figures of one gateway, or of two where one forwards to the other, under a closed loop."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.bench_run import BenchRun
from bench.closed_loop import Loop, Way, measure_loop
from bench.figures import Target
from bench.gateway import NAMES
from bench.installation import Installation, install, name_owned_by, plan_function
from bench.report import Row, not_measured
from bench.trees import Tree

CONNECTIONS = 32
PROXY = "proxy"


def measure_plain(run: BenchRun) -> list[Row]:
    """One gateway that owns the function, beside Go's reverse proxy."""
    with install(run.program) as installation:
        ways = [start_owned(installation, tree, {}) for tree in run.trees]
        ways.append(start_proxy(installation, "http"))
        target = Target(1.5, of_floor=True, at_least=True)
        return measure_loop(run, Loop("plain", CONNECTIONS, floor=PROXY, target=target), ways)


def measure_tls(run: BenchRun) -> list[Row]:
    """The same with TLS on both, kept connections."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificate, key = (str(one) for one in run.program.make_certificate(directory))
        settings = {"tls_certificate_file": certificate, "tls_key_file": key}
        installation = stack.enter_context(install(run.program))
        ways = [start_owned(installation, tree, settings) for tree in run.trees]
        arguments = ("-certificate", certificate, "-key", key)
        ways.append(start_proxy(installation, "https", *arguments))
        target = Target(1.2, of_floor=True, at_least=True)
        rows = measure_loop(run, Loop("TLS", CONNECTIONS, floor=PROXY, target=target), ways)
    return [*rows, not_measured("SigV4, plain and TLS: requests per CPU second", "not built")]


def measure_forwarded(run: BenchRun) -> list[Row]:
    """A gateway that is asked for another one's function: the CPU of both."""
    with install(run.program) as installation:
        ways = [start_forwarded(installation, tree) for tree in run.trees]
        ways.append(start_proxy(installation, "http"))
        return measure_loop(run, Loop("forwarded", CONNECTIONS, floor=PROXY), ways)


def measure_throughput(run: BenchRun) -> list[Row]:
    """All of them."""
    return [*measure_plain(run), *measure_tls(run), *measure_forwarded(run)]


def start_owned(installation: Installation, tree: Tree, settings: dict[str, str]) -> Way:
    given, function = plan_function("echo")
    (gateway,) = installation.start_gateways(tree, 1, [given], settings)
    installation.start_agents(gateway, function, CONNECTIONS)
    clocks = {"gateway": gateway.process.read_cpu_s}
    return Way(tree.side, gateway.invoke_url("echo"), clocks)


def start_forwarded(installation: Installation, tree: Tree) -> Way:
    given, function = plan_function(name_owned_by(NAMES[0], NAMES))
    owner, asked = installation.start_gateways(tree, 2, [given])
    installation.start_agents(owner, function, CONNECTIONS)
    clocks = {"asked gateway": asked.process.read_cpu_s, "owner": owner.process.read_cpu_s}
    return Way(tree.side, asked.invoke_url(function.function_name), clocks)


def start_proxy(installation: Installation, scheme: str, *arguments: str) -> Way:
    proxy, address = installation.start_proxy(installation.start_echo(), *arguments)
    return Way(PROXY, f"{scheme}://{address}", {PROXY: proxy.read_cpu_s})
