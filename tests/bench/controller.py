"""Rows of the controller: create and change to Ready, memory and CPU with many functions."""

import asyncio
import re
import statistics
import time
from typing import Any

from bench.api import FUNCTIONS, Api

NAMESPACE = "kubelambda-bench"
CHANGES = 200
CREATE_CONCURRENCY = 8
RELEASE = "kubelambda"
LEADER = "app.kubernetes.io/component%3Dcontroller,kubelambda.io/leader%3Dtrue"
METRICS_PORT = 9002


async def measure_controller(api: Api, function_count: int) -> dict[str, Any]:
    """Create many functions, change some, one at a time, and look at the controller's process."""
    await api.send("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    try:
        seen = Settled()
        watcher = asyncio.create_task(seen.follow(api))
        await asyncio.sleep(0.5)
        started = time.monotonic()
        await create_functions(api, function_count)
        await seen.wait_count(function_count)
        created_s = time.monotonic() - started
        before = await read_process(api)
        changes = await time_changes(api, seen)
        after = await read_process(api)
        watcher.cancel()
        return {
            f"create {function_count} functions to Ready (s)": round(created_s, 1),
            "change to Ready p50 (ms)": round(statistics.median(changes) * 1000, 1),
            "change to Ready p90 (ms)": round(percentile(changes, 90) * 1000, 1),
            "change to Ready p99 (ms)": round(percentile(changes, 99) * 1000, 1),
            f"controller memory at {function_count} functions (MB)": round(after["rss"] / 1e6, 1),
            "controller CPU per change (ms)": round(
                (after["cpu"] - before["cpu"]) / len(changes) * 1000, 1
            ),
            "controller CPU at rest (% of a core)": await measure_rest(api),
        }
    finally:
        await delete_namespace(api)


async def delete_namespace(api: Api) -> None:
    """Delete it and wait until it is gone: what comes next is not to be measured beside that."""
    path = f"/api/v1/namespaces/{NAMESPACE}"
    await api.send("DELETE", path)
    for _ in range(240):
        namespaces = (await api.send("GET", "/api/v1/namespaces"))["items"]
        if NAMESPACE not in {one["metadata"]["name"] for one in namespaces}:
            return
        await asyncio.sleep(0.5)


class Settled:
    """The generation up to which each object's status has come, as a watch tells it."""

    def __init__(self) -> None:
        self.observed: dict[str, int] = {}
        self._changed = asyncio.Event()

    async def follow(self, api: Api, collection: str = FUNCTIONS) -> None:
        """Run as a task."""
        async for event in api.watch(collection.format(namespace=NAMESPACE)):
            manifest = event["object"]
            status = manifest.get("status", {})
            ready = any(
                one["type"] == "Ready" and one["status"] == "True"
                for one in status.get("conditions", ())
            )
            if ready:
                self.observed[manifest["metadata"]["name"]] = status["observedGeneration"]
                self._changed.set()

    async def wait_count(self, count: int) -> None:
        """Until so many objects are Ready."""
        while len(self.observed) < count:
            await self._next()

    async def wait_generation(self, name: str, generation: int) -> None:
        """Until the object's status speaks of this generation."""
        while self.observed.get(name, 0) < generation:
            await self._next()

    async def _next(self) -> None:
        self._changed.clear()
        async with asyncio.timeout(120):
            await self._changed.wait()


async def create_functions(api: Api, count: int) -> None:
    """POST them all, a few at a time."""
    gate = asyncio.Semaphore(CREATE_CONCURRENCY)

    async def create(number: int) -> None:
        async with gate:
            path = FUNCTIONS.format(namespace=NAMESPACE)
            await api.send("POST", path, build_function(f"f{number:04d}"))

    await asyncio.gather(*(create(number) for number in range(count)))


def build_function(name: str, memory: int = 128) -> dict[str, Any]:
    """A small function."""
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaFunction",
        "metadata": {"name": name},
        "spec": {
            "runtime": "python3.13",
            "handler": "app.handler",
            "memorySize": memory,
            "timeout": 10,
            "code": {"inline": {"app.py": "def handler(event, context):\n    return event\n"}},
        },
    }


async def time_changes(api: Api, seen: Settled) -> list[float]:
    """Seconds from a change of the description to a status that speaks of it, one by one."""
    names = sorted(seen.observed)
    elapsed = []
    for number in range(CHANGES):
        name = names[number % len(names)]
        path = FUNCTIONS.format(namespace=NAMESPACE) + f"/{name}"
        patch = {"spec": {"description": f"change {number}"}}
        started = time.perf_counter()
        changed = await api.send("PATCH", path, patch, "merge-patch+json")
        await seen.wait_generation(name, changed["metadata"]["generation"])
        elapsed.append(time.perf_counter() - started)
    return elapsed


async def measure_rest(api: Api) -> float:
    """CPU of the controller while nothing changes."""
    before, started = await read_process(api), time.monotonic()
    await asyncio.sleep(10)
    after = await read_process(api)
    return round((after["cpu"] - before["cpu"]) / (time.monotonic() - started) * 100, 1)


async def read_process(api: Api, pod: str = "") -> dict[str, float]:
    """Resident bytes and CPU seconds of ``pod``; without a name, of the leading controller."""
    path = f"/api/v1/namespaces/{RELEASE}/pods"
    if not pod:
        leader = (await api.send("GET", f"{path}?labelSelector={LEADER}"))["items"][0]
        pod = leader["metadata"]["name"]
    text = await api.send("GET", f"{path}/{pod}:{METRICS_PORT}/proxy/metrics")

    def read(name: str) -> float:
        found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else float("nan")

    return {"rss": read("process_resident_memory_bytes"), "cpu": read("process_cpu_seconds_total")}


def percentile(values: list[float], percent: int) -> float:
    """The value below which so many per cent lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
