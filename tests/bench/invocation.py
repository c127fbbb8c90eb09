"""Rows of one invocation over the whole path: cold without a pool, and warm, closed loop."""

import asyncio
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp

from bench.api import FUNCTIONS, Api
from bench.controller import build_function, percentile

NAMESPACE = "default"
COLD_STARTS = 10
WARM_CALLS = 1_000
MEMORY_MB = 1_769


async def measure_invocation(api: Api, root: Path) -> dict[str, Any]:
    """Cold and warm latencies as a client on this machine sees them, one request at a time."""
    url = subprocess.run(  # noqa: ASYNC221  # nothing else runs meanwhile
        [root / "hack" / "gateway-url"], check=True, capture_output=True, text=True
    ).stdout.strip()
    cold: list[float] = []
    async with aiohttp.ClientSession() as session:
        for number in range(COLD_STARTS):
            name = f"bench-{number}"
            await prepare(api, name)
            cold.append(await invoke(session, url, name))
            if number < COLD_STARTS - 1:
                await delete(api, name)
        last = f"bench-{COLD_STARTS - 1}"
        warm = [await invoke(session, url, last) for _ in range(WARM_CALLS)]
        await delete(api, last)
    return {
        "cold start without pool p50 (ms)": round(statistics.median(cold) * 1000),
        "cold start without pool max (ms)": round(max(cold) * 1000),
        f"warm at {MEMORY_MB} MB p50 (ms)": round(statistics.median(warm) * 1000, 2),
        f"warm at {MEMORY_MB} MB p99 (ms)": round(percentile(warm, 99) * 1000, 2),
    }


async def prepare(api: Api, name: str) -> None:
    """Create a function and wait until it is Ready."""
    path = FUNCTIONS.format(namespace=NAMESPACE)
    await api.send("POST", path, build_function(name, MEMORY_MB))
    for _ in range(200):
        status = (await api.send("GET", f"{path}/{name}")).get("status", {})
        if status.get("state") == "Active":
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)


async def delete(api: Api, name: str) -> None:
    """Remove a function."""
    await api.send("DELETE", FUNCTIONS.format(namespace=NAMESPACE) + f"/{name}")


async def invoke(session: aiohttp.ClientSession, url: str, name: str) -> float:
    """Seconds of one invocation; RuntimeError where it did not succeed."""
    started = time.perf_counter()
    path = f"{url}/2015-03-31/functions/{name}/invocations"
    async with session.post(path, data=b'{"k": 1}') as response:
        body = await response.read()
        if response.status != 200 or "X-Amz-Function-Error" in response.headers:
            raise RuntimeError(f"{name}: {response.status} {body[:200]!r}")
    return time.perf_counter() - started
