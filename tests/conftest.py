"""What several suites share, and the end of the report: what was not run."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.nats_server import NatsServer
from not_run import describe_not_run


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


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was skipped, by what would run it."""
    skipped = terminalreporter.stats.get("skipped", [])
    lines = describe_not_run(one.longrepr[2].removeprefix("Skipped: ") for one in skipped)
    if lines:
        terminalreporter.section("Not run")
        for line in lines:
            terminalreporter.line(line)
