"""Rows of resident memory of agent and gateway: large buffered responses, and a long stream.

For each round a new gateway and a new agent, so that what is found before is that of a small event.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.bench_run import BenchRun
from bench.client import Client
from bench.installation import install, plan_function
from bench.processes import read_memory_mb
from bench.report import Row, collect
from conformance.lambda_api.targets import SOURCES

ROUNDS = 3
RESPONSES = 5
RESPONSE_BYTES = 6_291_000
STREAM_MB = 200
TIMEOUT_S = 120
REST_S = 1.0
LARGE = f"def handler(event, context):\n    return 'x' * event['times'] * {RESPONSE_BYTES - 2}\n"
PROCESSES = ("agent", "gateway")


@dataclass(slots=True)
class Found:
    """Of one process, one value of each round, in MB."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)


def measure_runtime_memory(run: BenchRun) -> list[Row]:
    """Both cases, and how fast the stream was."""
    rates: list[float] = []

    def answer_large(client: Client) -> None:
        for _ in range(RESPONSES):
            if len(client.invoke("measured", b'{"times":1}').body) != RESPONSE_BYTES:
                raise RuntimeError("the response is not whole")

    def stream(client: Client) -> None:
        asked = b'{"act":"stream","megabytes":%d}' % STREAM_MB
        count, seconds = client.drain_stream("measured", asked)
        if count < STREAM_MB << 20:
            raise RuntimeError(f"the stream is not whole: {count} bytes")
        rates.append(count / seconds / 1e6)

    takeover = (SOURCES / "takeover.py").read_text()
    large = measure_case(run, LARGE, b'{"times":0}', answer_large)
    streamed = measure_case(run, takeover, b'{"act":"pid"}', stream)
    rate = collect(rates)
    return [
        *build_rows(f"{RESPONSES} responses of 6 MB", large),
        *build_rows(f"a stream of {STREAM_MB} MB", streamed),
        Row(
            name=f"a stream of {STREAM_MB} MB, python, through gateway and agent",
            value=rate.text("MB/s", 0),
            spread=rate.spread(0),
            number=rate.median,
        ),
    ]


def measure_case(
    run: BenchRun, source: str, small: bytes, load: Callable[[Client], None]
) -> dict[str, Found]:
    """Memory around ``load``, which invokes the function "measured"."""
    found = {name: Found() for name in PROCESSES}
    given, _ = plan_function("measured", source=source, memory_mb=1_769, timeout_s=TIMEOUT_S)

    for _ in range(ROUNDS):
        with install(run.program) as installation:
            (gateway,) = installation.start_gateways(run.tree, 1, [given])
            (agent,) = installation.start_environments(run.tree, given, gateway.link_address, 1)
            pids = dict(zip(PROCESSES, (agent, gateway.process.pid), strict=True))
            with Client(f"http://127.0.0.1:{gateway.public_port}") as client:
                client.invoke("measured", small)
                time.sleep(REST_S)
                for name, pid in pids.items():
                    found[name].before.append(read_memory_mb(pid, "VmRSS"))
                load(client)
                time.sleep(REST_S)
            for name, pid in pids.items():
                found[name].after.append(read_memory_mb(pid, "VmRSS"))
                found[name].peak.append(read_memory_mb(pid, "VmHWM"))
    return found


def build_rows(case: str, found: dict[str, Found]) -> list[Row]:
    rows = []
    for name, one in found.items():
        before = collect(one.before)
        for kind, values in (("resident after", one.after), ("peak (VmHWM) with", one.peak)):
            value = collect(values)
            rows.append(
                Row(
                    name=f"{name} {kind} {case}",
                    value=value.text("MB", 1),
                    spread=value.spread(1),
                    floor=f"before {before.text('MB', 1)}",
                    compared=f"{value.minus(before).median:+.1f} MB",
                    number=value.median,
                )
            )
    return rows
