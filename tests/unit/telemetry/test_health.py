"""/metrics, /healthz and /readyz."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from kubelambda.telemetry.health import HealthServer


class Role:
    """A role whose checks say what the test wants."""

    live = ""
    ready = ""


@pytest.fixture
async def role_and_url() -> AsyncIterator[tuple[Role, str]]:
    role, registry = Role(), CollectorRegistry()
    Counter("kubelambda_test_things", "Things.", registry=registry).inc()
    server = HealthServer(
        registry,
        check_live=lambda: role.live,
        check_ready=lambda: role.ready,
        host="127.0.0.1",
    )
    await server.start()
    yield role, f"http://127.0.0.1:{server.port}"
    await server.close()


async def fetch(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_a_role_without_problems_is_live_and_ready(role_and_url: tuple[Role, str]) -> None:
    _, url = role_and_url
    assert await fetch(f"{url}/healthz") == (200, "ok\n")
    assert await fetch(f"{url}/readyz") == (200, "ok\n")


async def test_a_problem_is_told_and_does_not_spread(role_and_url: tuple[Role, str]) -> None:
    """A process that is not ready must not be killed for it."""
    role, url = role_and_url
    role.ready = "not yet"
    assert await fetch(f"{url}/readyz") == (503, "not yet\n")
    assert (await fetch(f"{url}/healthz"))[0] == 200


async def test_metrics_come_from_the_registry_given(role_and_url: tuple[Role, str]) -> None:
    status, text = await fetch(f"{role_and_url[1]}/metrics")
    assert status == 200
    assert "kubelambda_test_things_total 1.0" in text
    assert "python_info" not in text


async def test_nothing_else_is_served(role_and_url: tuple[Role, str]) -> None:
    assert (await fetch(f"{role_and_url[1]}/v1/demand"))[0] == 404
