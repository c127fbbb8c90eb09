"""Rows that need a cluster: skipped, with the reason, where none of ours is up."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from bench.api import Api
from bench.controller import measure_controller
from bench.invocation import measure_invocation
from bench.load_program import ROOT
from bench.report import Row, not_measured
from bench.versions import measure_versions

TARGETS = {
    "change to Ready p50 (ms)": 20,
    "cold start without pool p50 (ms)": 900,
    "controller memory at 1000 functions (MB)": 100,
    "controller memory at 1000 functions with 3 versions (MB)": 150,
    "change to Ready p50 at 1000 functions with 3 versions (ms)": 20,
    "list of 3000 versions (ms)": 1000,
}
NOT_BUILT = (
    ("cold start, pool hit, p50", "there is no generic pool yet", "15 ms"),
    ("SQS messages per adapter core", "there are no triggers yet", "5000/s"),
)


Measure = Callable[[Api], Awaitable[dict[str, Any]]]


def measure_cluster(function_count: int) -> list[Row]:
    """The controller's rows and cold starts; or why not."""

    async def measure(api: Api) -> dict[str, Any]:
        rows = await measure_controller(api, function_count)
        return rows | await measure_invocation(api, ROOT)

    rows = run_on_cluster("rows of the cluster (controller, cold start)", measure)
    return rows + [not_measured(*one) for one in NOT_BUILT]


def measure_cluster_versions(function_count: int) -> list[Row]:
    """Rows of many published versions; or why not."""
    return run_on_cluster(
        "rows of published versions", lambda api: measure_versions(api, function_count)
    )


def run_on_cluster(what: str, measure: Measure) -> list[Row]:
    """What ``measure`` finds, or one row that says why ``what`` was not measured."""
    reason = find_obstacle()
    measured = reason or asyncio.run(ask_cluster(measure))
    if isinstance(measured, str):
        return [not_measured(what, measured)]
    return [build_row(name, value) for name, value in measured.items()]


def find_obstacle() -> str:
    """Empty where the kubeconfig names a cluster of ours."""
    asked = subprocess.run(
        [ROOT / "hack" / "cluster-context"], capture_output=True, text=True, check=False
    )
    return "" if asked.returncode == 0 else asked.stderr.strip()


async def ask_cluster(measure: Measure) -> dict[str, Any] | str:
    """All values by name; a sentence where the API server is not there."""
    async with Api(ROOT / ".cluster" / "kubeconfig") as api:
        try:
            await api.send("GET", "/readyz")
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            return f"the API server does not answer: {error}"
        return await measure(api)


def build_row(name: str, value: float) -> Row:
    target = TARGETS.get(name)
    met = None if target is None else value <= target
    return Row(name, str(value), target=str(target or ""), met=met, number=value)
