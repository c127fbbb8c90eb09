"""The role ``kubelambda dispatcher`` as a process: what its probes say, and how it ends."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.nats_server import NatsServer
from integration.conftest import MASTER
from ports import free_port

pytestmark = pytest.mark.nats


class DispatcherProcess:
    def __init__(self, server: NatsServer, directory: Path) -> None:
        self._port = free_port()
        secret = directory / "master"
        secret.write_bytes(MASTER)
        settings = {
            "KUBELAMBDA_QUEUE_URL": server.url,
            "KUBELAMBDA_GATEWAY_ADDRESS": "127.0.0.1:1",
            "KUBELAMBDA_MASTER_SECRET_FILE": str(secret),
            "KUBELAMBDA_METRICS_PORT": str(self._port),
            "KUBELAMBDA_DRAIN_S": "1",
        }
        command = [str(Path(sys.executable).parent / "kubelambda"), "dispatcher"]
        self.process = subprocess.Popen(command, env=os.environ | settings)

    async def ask(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(self._ask, path)

    async def wait_for(self, path: str, status: int) -> str:
        async with asyncio.timeout(60):
            while True:
                try:
                    found, text = await self.ask(path)
                except OSError:
                    found, text = 0, ""
                if found == status:
                    return text
                assert self.process.poll() is None
                await asyncio.sleep(0.05)

    def _ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as one:
                return int(one.status), one.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def dispatcher(
    nats_server: Callable[[], NatsServer], tmp_path: Path
) -> Iterator[tuple[NatsServer, DispatcherProcess]]:
    server = nats_server()
    one = DispatcherProcess(server, tmp_path)
    yield server, one
    one.process.kill()
    one.process.wait()


async def test_it_is_ready_while_it_is_connected_to_its_queue_and_ends_cleanly(
    dispatcher: tuple[NatsServer, DispatcherProcess],
) -> None:
    server, one = dispatcher
    await one.wait_for("/readyz", 200)
    server.kill()
    assert server.url in await one.wait_for("/readyz", 503)
    assert (await one.ask("/healthz"))[0] == 200, "a new process would not help"
    server.start()
    await one.wait_for("/readyz", 200)
    assert "kubelambda_dispatch_lanes" in (await one.ask("/metrics"))[1]
    one.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(one.process.wait, 30) == 0
