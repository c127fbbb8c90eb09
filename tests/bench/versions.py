"""Rows of many published versions: memory and start of the controller, change to Ready, a list.

Every function is changed and published several times, so that no two of its versions are equal.
"""

import asyncio
import statistics
import time
from typing import Any

from bench.api import FUNCTIONS, VERSIONS, Api
from bench.controller import (
    LEADER,
    NAMESPACE,
    RELEASE,
    Settled,
    build_function,
    create_functions,
    delete_namespace,
    percentile,
    read_process,
    time_changes,
)

VERSIONS_EACH = 3
AT_ONCE = 8
GATEWAYS = "app.kubernetes.io/component%3Dgateway"


async def measure_versions(api: Api, function_count: int) -> dict[str, Any]:
    """Publish ``VERSIONS_EACH`` versions of each of so many functions and look at what runs."""
    await api.send("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    try:
        functions, versions = Settled(), Settled()
        watchers = [
            asyncio.create_task(functions.follow(api, FUNCTIONS)),
            asyncio.create_task(versions.follow(api, VERSIONS)),
        ]
        await asyncio.sleep(0.5)
        await create_functions(api, function_count)
        await functions.wait_count(function_count)
        published_s = await publish_all(api, functions, versions)
        changes = await time_changes(api, functions)
        many = f"{function_count} functions with {VERSIONS_EACH} versions"
        rows = {
            f"publish {function_count * VERSIONS_EACH} versions (s)": round(published_s, 1),
            f"controller memory at {many} (MB)": round((await read_process(api))["rss"] / 1e6, 1),
            f"gateway memory at {many} (MB)": await read_gateway_mb(api),
            f"change to Ready p50 at {many} (ms)": round(statistics.median(changes) * 1000, 1),
            f"change to Ready p99 at {many} (ms)": round(percentile(changes, 99) * 1000, 1),
            f"list of {function_count * VERSIONS_EACH} versions (ms)": await time_list(api),
            f"new leader to first change at {many} (s)": await time_new_leader(api, functions),
        }
        for watcher in watchers:
            watcher.cancel()
        return rows
    finally:
        await delete_namespace(api)


async def publish_all(api: Api, functions: Settled, versions: Settled) -> float:
    """Seconds that the changes and publications of all versions took together."""
    started = time.monotonic()
    gate = asyncio.Semaphore(AT_ONCE)

    async def publish(name: str, number: int) -> None:
        async with gate:
            path = FUNCTIONS.format(namespace=NAMESPACE) + f"/{name}"
            patch = {"spec": {"timeout": 10 + number}}
            changed = await api.send("PATCH", path, patch, "merge-patch+json")
            await functions.wait_generation(name, changed["metadata"]["generation"])
            version = build_version(name, number)
            await api.send("POST", VERSIONS.format(namespace=NAMESPACE), version)

    for number in range(1, VERSIONS_EACH + 1):
        names = sorted(functions.observed)
        await asyncio.gather(*(publish(name, number) for name in names))
        await versions.wait_count(len(names) * number)
    return time.monotonic() - started


def build_version(function: str, number: int) -> dict[str, Any]:
    """A request to publish ``function`` as it is."""
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaVersion",
        "metadata": {"name": f"{function}.v{number}"},
        "spec": {"functionName": build_function(function)["metadata"]["name"]},
    }


async def time_list(api: Api) -> float:
    """Milliseconds of one list of all versions, as ``kubectl get lfv`` asks for it."""
    path = VERSIONS.format(namespace=NAMESPACE)
    elapsed = []
    for _ in range(5):
        started = time.perf_counter()
        await api.send("GET", path)
        elapsed.append(time.perf_counter() - started)
    return round(statistics.median(elapsed) * 1000)


async def read_gateway_mb(api: Api) -> float:
    """The largest gateway's resident memory."""
    path = f"/api/v1/namespaces/{RELEASE}/pods"
    pods = (await api.send("GET", f"{path}?labelSelector={GATEWAYS}"))["items"]
    return round(
        max([(await read_process(api, pod["metadata"]["name"]))["rss"] for pod in pods]) / 1e6, 1
    )


async def time_new_leader(api: Api, functions: Settled) -> float:
    """Seconds from the deletion of the leader's pod to the status of a change made right then."""
    path = f"/api/v1/namespaces/{RELEASE}/pods"
    leader = (await api.send("GET", f"{path}?labelSelector={LEADER}"))["items"][0]
    started = time.monotonic()
    await api.send("DELETE", f"{path}/{leader['metadata']['name']}")
    name = min(functions.observed)
    function = FUNCTIONS.format(namespace=NAMESPACE) + f"/{name}"
    changed = await api.send(
        "PATCH", function, {"spec": {"description": "to a new leader"}}, "merge-patch+json"
    )
    await functions.wait_generation(name, changed["metadata"]["generation"])
    return round(time.monotonic() - started, 1)
