"""What a gateway says of itself when one of its tasks fails."""

import asyncio
from pathlib import Path

import aiohttp

from integration.conftest import MASTER, build_environments
from integration.faults.wire import wait_until
from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import GatewaySettings
from kubelambda.gateway.server import Gateway
from kubelambda.process.supervisor import RESTARTS_FATAL, Supervisor


async def look(gateway: Gateway, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{gateway._health.port}{path}"
    async with aiohttp.ClientSession(trust_env=False) as session, session.get(url) as response:
        return response.status, await response.text()


async def test_a_task_that_fails_again_and_again_ends_readiness_and_then_the_process(
    tmp_path: Path,
) -> None:
    """Issue 11, entry 10: a dead task left the gateway Ready."""
    failures = 0

    async def fail() -> None:
        nonlocal failures
        await go.wait()
        if failures == RESTARTS_FATAL:
            await asyncio.Event().wait()
        failures += 1
        raise KeyError("unforeseen")

    go, stop = asyncio.Event(), asyncio.Event()
    index, supervisor = FunctionIndex(), Supervisor(restart_s_min=0.0)
    index.synced = True
    settings = GatewaySettings(
        host="127.0.0.1", public_port=0, internal_port=0, metrics_port=0, linger_s=0
    )
    environments = build_environments(index, tmp_path)
    gateway = Gateway(settings, index, environments, MASTER, supervisor=supervisor)
    await gateway.start()
    serving = asyncio.create_task(gateway.serve_until(stop))
    supervisor.keep("the odd task", fail)
    assert await look(gateway, "/readyz") == (200, "ok\n")
    assert await look(gateway, "/healthz") == (200, "ok\n")
    go.set()
    await wait_until(supervisor.check_live)
    status, text = await look(gateway, "/readyz")
    assert (status, text) == (503, "the odd task is failing: KeyError('unforeseen')\n")
    assert (await look(gateway, "/healthz"))[0] == 503
    stop.set()
    await serving
    await environments.close()
