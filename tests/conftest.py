"""What several suites share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.nats_server import NatsServer


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
