"""Rows of cold starts on a cluster: each runtime it has, a large package with layers, init CPU.

Contract: every function is new, is invoked once at zero environments and deleted; all of it is in a
namespace of this run's own. Packages stay in the cluster's store: there is no way to delete one.
``BENCH_INIT_CPU=off`` says that the release was installed with the chart's value below; nothing
here changes an installation.
"""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench.api import Api
from bench.client import Client
from bench.cluster import find_obstacle
from bench.load_program import ROOT
from bench.report import Row, collect, not_measured
from bench.runtimes import build_spec, translate_failures
from conformance.lambda_api.layers import build_layer, push
from conformance.lambda_api.targets import ClusterTarget, Target
from conformance.runtimes.languages import LANGUAGES, find_absent

RUNTIMES = "/apis/kubelambda.io/v1alpha1/lambdaruntimes"
FAMILY = re.compile(r"[a-z]+")
COUNT = b'{"ask":"count"}'
COLD_STARTS = 3
MEMORY_MB = 512
SETTLE_S = 0.3
"""From Ready to the gateway's knowledge of the function, as in ``invocation``."""

PYTHON = "python3.13"
SOURCE = "def handler(event, context):\n    return event\n"
PACKAGE_BYTES = 50_000_000
LAYERS = 5
LAYER_BYTES = 100_000

SMALL_MB = 128
INIT_CPU_VALUES = {"on": "functions.initCpuMillis=1000", "off": "functions.initCpuMillis=0"}
INIT_CPU_TITLES = {"on": "with init CPU (limit 1 CPU)", "off": "without init CPU (limit 0.072 CPU)"}


@dataclass(slots=True)
class Found:
    """Cold starts of one kind of function, in milliseconds."""

    cold: list[float] = field(default_factory=list)
    init: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Starter:
    """Starts new functions cold, one at a time."""

    target: Target
    _count: int = 0

    def start(self, found: Found, spec: Mapping[str, Any]) -> None:
        """Make a function, invoke it once, delete it."""
        self._count += 1
        name = f"cold-{self._count}"
        try:
            arn = self.target.put(name, "", **spec)
            time.sleep(SETTLE_S)
            with Client(self.target.url) as client:
                reply = client.invoke(arn, COUNT, tail=True)
        finally:
            self.target.drop(name)
        if reply.init_ms is None:
            raise RuntimeError(f"{name}: the first invocation was no cold start")
        found.cold.append(reply.seconds * 1000)
        found.init.append(reply.init_ms)


def measure_cluster_runtimes() -> list[Row]:
    """All rows; or why there are none."""
    runtimes = find_obstacle() or asyncio.run(list_runtimes())
    if isinstance(runtimes, str):
        return [not_measured("rows of the cluster (runtimes, packages, init CPU)", runtimes)]
    with (
        translate_failures(),
        tempfile.TemporaryDirectory() as directory,
        closing(ClusterTarget()) as target,
    ):
        starter = Starter(target)
        rows = measure_identifiers(starter, runtimes, Path(directory))
        if PYTHON not in runtimes:
            reason = f"the cluster has no runtime {PYTHON}"
            return [*rows, not_measured("large package, layers and init CPU", reason)]
        return [
            *rows,
            *measure_package(starter, Path(directory)),
            *measure_init_cpu(starter),
        ]


async def list_runtimes() -> list[str] | str:
    """The cluster's runtime identifiers; a sentence where they cannot be had."""
    async with Api(ROOT / ".cluster" / "kubeconfig") as api:
        try:
            await api.send("GET", "/readyz")
            items = (await api.send("GET", RUNTIMES))["items"]
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            return f"the API server does not answer: {error}"
    if not items:
        return "the cluster has no LambdaRuntime: make images install, with rbac.scope Cluster"
    return sorted(one["metadata"]["name"] for one in items)


def measure_identifiers(starter: Starter, runtimes: list[str], directory: Path) -> list[Row]:
    """The matrix's handler on each identifier, the identifiers in turn."""
    absent = find_absent(local=False)
    specs: dict[str, dict[str, Any]] = {}
    broken: dict[str, str] = {}
    rows: list[Row] = []
    for runtime in runtimes:
        names = find_rows(runtime)
        if not names:
            rows.append(not_measured(title(runtime), "the conformance matrix has no handler"))
        for name in names:
            label = f"{runtime} ({name})" if len(names) > 1 else runtime
            if name in absent:
                rows.append(not_measured(title(label), absent[name]))
                continue
            with noted(broken, label):
                spec = build_spec(LANGUAGES[name], directory / label, starter.target.url)
                specs[label] = spec | {"runtime": runtime, "memorySize": MEMORY_MB}
    found = {label: Found() for label in specs}
    for _ in range(COLD_STARTS):
        for label, spec in specs.items():
            if label not in broken:
                with noted(broken, label):
                    starter.start(found[label], spec)
    rows += [not_measured(title(label), reason) for label, reason in broken.items()]
    return rows + [build_row(title(name), one) for name, one in found.items() if name not in broken]


def find_rows(runtime: str) -> list[str]:
    """The matrix's rows of the identifier, else those of its language."""
    exact = [name for name, one in LANGUAGES.items() if one.runtime == runtime]
    return exact or [name for name, one in LANGUAGES.items() if is_akin(one.runtime, runtime)]


def is_akin(runtime: str, other: str) -> bool:
    """Whether handlers of one identifier run on the other: its language without a version."""
    return find_family(runtime) == find_family(other)


def find_family(runtime: str) -> str:
    known = FAMILY.match(runtime)
    return known[0] if known else runtime


@contextmanager
def noted(broken: dict[str, str], label: str) -> Iterator[None]:
    """One runtime that does not work takes the others' rows not away."""
    try:
        with translate_failures():
            yield
    except (RuntimeError, OSError) as error:
        broken[label] = f"{error}"


def title(label: str) -> str:
    return f"cold start {label}, {MEMORY_MB} MB"


def measure_package(starter: Starter, directory: Path) -> list[Row]:
    """New content each round: fetched from the store first, from the gateway's files then."""
    plain, first, second = Found(), Found(), Found()
    own = {"runtime": PYTHON, "memorySize": MEMORY_MB, "timeout": 60}
    for number in range(COLD_STARTS):
        layers = [
            put_layer(starter, f"layer{one}", number + 1, directory / f"layer-{number}-{one}")
            for one in range(LAYERS)
        ]
        path = directory / f"package-{number}"
        path.mkdir()
        (path / "app.py").write_text(SOURCE)
        (path / "random.bin").write_bytes(os.urandom(PACKAGE_BYTES))
        package = {"package": push(starter.target.url, path)}
        starter.start(plain, own | {"code": {"inline": {"app.py": SOURCE}}})
        for found in (first, second):
            starter.start(found, own | {"code": package, "layers": layers})
    name = f"cold start {PYTHON}, {MEMORY_MB} MB, package of 50 MB and {LAYERS} layers"
    return [
        build_row(f"{name}, first time", first, plain, "inline code"),
        build_row(f"{name}, second time", second, plain, "inline code"),
    ]


def put_layer(starter: Starter, name: str, version: int, directory: Path) -> dict[str, Any]:
    """A layer version of random content, and how functions name it."""
    (directory / "python").mkdir(parents=True)
    (directory / "python" / f"{name}.bin").write_bytes(os.urandom(LAYER_BYTES))
    package = push(starter.target.url, directory)
    starter.target.put_object(build_layer(name, version, package=package))
    return {"name": name, "version": version}


def measure_init_cpu(starter: Starter) -> list[Row]:
    """The installation's own kind; the other one is named with what it needs."""
    installed = "off" if os.environ.get("BENCH_INIT_CPU") == "off" else "on"
    found = Found()
    spec = {
        "runtime": PYTHON,
        "memorySize": SMALL_MB,
        "timeout": 60,
        "code": {"inline": {"app.py": SOURCE}},
    }
    for _ in range(COLD_STARTS):
        starter.start(found, spec)
    rows = []
    for kind, value in INIT_CPU_VALUES.items():
        name = f"cold start {PYTHON}, {SMALL_MB} MB, {INIT_CPU_TITLES[kind]}"
        if kind == installed:
            rows.append(build_row(name, found))
        else:
            said = " and BENCH_INIT_CPU=off" if kind == "off" else " and no BENCH_INIT_CPU"
            rows.append(not_measured(name, f"needs helm value {value}{said}"))
    return rows


def build_row(name: str, found: Found, floor: Found | None = None, beside: str = "") -> Row:
    """Request to answer; its floor is the init duration where no other function is given."""
    cold, init = collect(found.cold), collect(found.init)
    other = collect(floor.cold) if floor else None
    return Row(
        name=name,
        value=cold.text("ms", 0),
        spread=cold.spread(0),
        floor=f"{beside} {other.text('ms', 0)}" if other else f"of it init {init.text('ms', 0)}",
        compared=f"{cold.over(other).median:.1f} x" if other else "",
        number=cold.median,
    )
