"""Measure everything, write bench-results/<time>.json with the machine's facts, print it."""

import asyncio
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.api import Api
from bench.controller import measure_controller
from bench.invocation import measure_invocation

ROOT = Path(__file__).resolve().parents[2]


def describe_machine() -> dict[str, Any]:
    """What a reader needs to judge the numbers."""
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / 2**20, 1),
        "kernel": platform.release(),
        "load": os.getloadavg(),
    }


async def run(function_count: int) -> dict[str, Any]:
    """All rows, as name to value."""
    async with Api(ROOT / ".cluster" / "kubeconfig") as api:
        rows = await measure_controller(api, function_count)
        rows |= await measure_invocation(api, ROOT)
    return rows


def main() -> None:
    """Measure, print, write."""
    function_count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    machine = describe_machine()
    rows = asyncio.run(run(function_count))
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")
    results = ROOT / "bench-results"
    results.mkdir(exist_ok=True)
    path = results / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")
    print(f"\n{machine}\nwritten to {path.relative_to(ROOT)}")


main()
