"""What all suites share: how tests are handed to workers, property tests, what was not run."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from conformance.nats_server import NatsServer
from not_run import describe_not_run
from side_by_side import Groups
from worker_scopes import find_scope, order_tests

# On a loaded machine any example may take long: time is no reason to fail.
ANY_TIME: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("short", **ANY_TIME)
settings.register_profile("long", **ANY_TIME, max_examples=50 * settings.default.max_examples)
settings.load_profile("short")


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[Callable[[], NatsServer]]:
    """The test's NATS server, started when it is first asked for."""
    started: list[NatsServer] = []

    def get() -> NatsServer:
        if not started:
            started.append(NatsServer(tmp_path))
            started[0].start()
        return started[0]

    yield get
    for server in started:
        server.kill()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups | None:
    """For ``pytest -n`` without --dist: groups of our own, in the order of ``order_tests``."""
    if config.getoption("dist") != "load":
        return None
    config.option.loadscopereorder = False
    return Groups(config, log, find_scope)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker, and there alone: what takes longest is begun first."""
    if hasattr(config, "workerinput"):
        order_tests(items)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was skipped, by what would run it."""
    skipped = terminalreporter.stats.get("skipped", [])
    lines = describe_not_run(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if lines:
        terminalreporter.section("Not run")
        for line in lines:
            terminalreporter.line(line)
