"""Rows of each language on this machine, in local mode: warm overhead, and cold starts.

Local mode is one process that is gateway and starts agents; handlers are those of the conformance
matrix. Warm is a closed loop, one request at a time, so that each function has one environment.
"""

import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import chain
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from bench.bench_run import BenchRun
from bench.client import Client
from bench.controller import percentile
from bench.report import Row, collect, not_measured
from bench.runtime_memory import measure_runtime_memory
from conformance.lambda_api.layers import push
from conformance.lambda_api.targets import LocalTarget, Target
from conformance.runtimes.languages import LANGUAGES, Language, find_absent

ROUNDS = 3
CALLS = 100
WARM_UP = 50
COLD_STARTS = 3
TIMEOUT_S = 20
COUNT = b'{"ask":"count"}'
COLD_FLOOR = "provided"


@dataclass(slots=True)
class Found:
    """Of one language; times in milliseconds."""

    rounds: list[list[float]] = field(default_factory=list)
    """Warm invocations, by round."""
    cold: list[float] = field(default_factory=list)
    init: list[float] = field(default_factory=list)


def measure_runtimes(run: BenchRun) -> list[Row]:
    """Every language that is here; then memory with large responses."""
    absent = find_absent(local=True)
    languages = {name: one for name, one in LANGUAGES.items() if name not in absent}
    with (
        translate_failures(),
        tempfile.TemporaryDirectory() as directory,
        closing(LocalTarget(Path(directory))) as target,
        run.program.serve("echo") as echo,
        Client(target.url) as client,
        Client(f"http://127.0.0.1:{echo.read_line()}") as floor,
    ):
        specs = {
            name: build_spec(one, Path(directory) / "code" / name, target.url)
            for name, one in languages.items()
        }
        found = {name: Found() for name in languages}
        start_cold(target, client, specs, found)
        echoed = run_warm(target, client, floor, specs, found)
    with translate_failures():
        memory = measure_runtime_memory(run)
    return [
        *build_warm_rows(found, echoed),
        *build_cold_rows(found),
        *memory,
        *(not_measured(f"runtime {name}", reason) for name, reason in absent.items()),
    ]


@contextmanager
def translate_failures() -> Iterator[None]:
    """What the conformance suite raises, as what a measurement raises that broke."""
    try:
        yield
    except (AssertionError, ClientError, HTTPException) as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error


def build_spec(language: Language, directory: Path, url: str) -> dict[str, Any]:
    """A function's spec with the language's handler; its package, if any, is pushed to ``url``."""
    directory.mkdir(parents=True)
    code = language.code(directory)
    if "directory" in code:
        code = {"package": push(url, code["directory"])}
    return {
        "runtime": language.runtime,
        "handler": language.handler,
        "code": dict(code),
        "memorySize": language.memory_mb,
        "timeout": TIMEOUT_S,
    }


def start_cold(
    target: Target,
    client: Client,
    specs: Mapping[str, dict[str, Any]],
    found: Mapping[str, Found],
) -> None:
    """First invocations of new functions, the languages in turn."""
    for number in range(COLD_STARTS):
        for name, spec in specs.items():
            function = name_function("cold", name, str(number))
            target.put(function, "", **spec)
            reply = client.invoke(function, COUNT, tail=True)
            target.drop(function)
            if reply.init_ms is None:
                raise RuntimeError(f"{name}: the first invocation was no cold start")
            found[name].cold.append(reply.seconds * 1000)
            found[name].init.append(reply.init_ms)


def run_warm(
    target: Target,
    client: Client,
    floor: Client,
    specs: Mapping[str, dict[str, Any]],
    found: Mapping[str, Found],
) -> list[list[float]]:
    """Rounds of each language, in turn with the floor's, which are given back."""
    for name, spec in specs.items():
        target.put(name_function("warm", name), "", **spec)
        call(client, name_function("warm", name), WARM_UP)
    echoed = []
    for _ in range(ROUNDS):
        echoed.append([floor.post("/echo", COUNT).seconds * 1000 for _ in range(CALLS)])
        for name, one in found.items():
            one.rounds.append(call(client, name_function("warm", name), CALLS))
    return echoed


def name_function(*parts: str) -> str:
    """A LambdaFunction's name holds no dot, and identifiers do."""
    return "-".join(parts).replace(".", "-")


def call(client: Client, function: str, count: int) -> list[float]:
    return [client.invoke(function, COUNT).seconds * 1000 for _ in range(count)]


def build_warm_rows(found: Mapping[str, Found], echoed: list[list[float]]) -> list[Row]:
    floor = collect(map(statistics.median, echoed))
    floor_tail = percentile(list(chain.from_iterable(echoed)), 99)
    rows = []
    for name, one in found.items():
        p50 = collect(map(statistics.median, one.rounds))
        tail = percentile(list(chain.from_iterable(one.rounds)), 99)
        tails = collect(percentile(values, 99) for values in one.rounds)
        overhead = p50.minus(floor)
        rows += [
            Row(
                name=f"warm overhead, {name}, local mode, p50",
                value=overhead.text("ms", 2),
                spread=overhead.spread(2),
                floor=f"Go echo {floor.text('ms', 2)}",
                compared=f"{p50.over(floor).median:.1f} x",
                number=overhead.median,
            ),
            Row(
                name=f"warm invocation, {name}, local mode, p99 of {ROUNDS * CALLS}",
                value=f"{tail:.2f} ms",
                spread=tails.spread(2),
                floor=f"Go echo {floor_tail:.2f} ms",
                compared=f"{tail - floor_tail:+.2f} ms",
                number=tail,
            ),
        ]
    return rows


def build_cold_rows(found: Mapping[str, Found]) -> list[Row]:
    """Each beside the custom runtime in bash, whose init is the start of bash and curl."""
    rows = []
    for name, one in found.items():
        for kind in ("init", "cold"):
            value = collect(getattr(one, kind))
            beside = found.get(COLD_FLOOR)
            floor = collect(getattr(beside, kind)) if beside and name != COLD_FLOOR else None
            title = "init duration" if kind == "init" else "cold start, request to answer"
            rows.append(
                Row(
                    name=f"{title}, {name}, local mode",
                    value=value.text("ms", 0),
                    spread=value.spread(0),
                    floor=f"{COLD_FLOOR} {floor.text('ms', 0)}" if floor else "",
                    compared=f"{value.over(floor).median:.1f} x" if floor else "",
                    number=value.median,
                )
            )
    return rows
