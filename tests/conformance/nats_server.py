"""A NATS server of the test's own: the real one, built by hack/nats-server."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from nats.errors import Error as NatsError

from kubelambda.core.asynchronous.queue import Queue, QueueUnavailableError
from kubelambda.stores.nats_connection import NatsConnection, NotConnectedError
from ports import free_port

VARIABLE = "KUBELAMBDA_NATS_SERVER"


class NatsServer:
    """Started and killed at will; its storage stays."""

    def __init__(self, directory: Path) -> None:
        self._port, self._http_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._config = directory / "nats.conf"
        self._config.write_text(
            f"listen: 127.0.0.1:{self._port}\nhttp: 127.0.0.1:{self._http_port}\n"
            "max_payload: 8MB\n"
            f'jetstream {{ store_dir: "{directory / "nats"}", sync_interval: always }}\n'
        )

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        program = os.environ.get(VARIABLE)
        assert program, f"{VARIABLE} is not set: run make test, or take it from hack/nats-server"
        self._process = subprocess.Popen(
            [program, "-c", self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("nats-server does not listen")

    async def wait_connected(self, connection: NatsConnection) -> None:
        """Until a driver can use it."""
        async with asyncio.timeout(60):
            while True:
                try:
                    await connection.client.flush()
                except (NotConnectedError, NatsError, TimeoutError):
                    await asyncio.sleep(0.05)
                else:
                    return

    def count_subscriptions(self) -> int:
        """Those of all clients, as the server counts them."""
        url = f"http://127.0.0.1:{self._http_port}/connz"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return sum(
                connection["subscriptions"] for connection in json.load(answer)["connections"]
            )

    def lose_storage(self) -> None:
        """What a pod without a volume does when it is made anew."""
        shutil.rmtree(self._config.parent / "nats")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def wait_usable(self, queue: Queue) -> None:
        """Until the driver has connected itself."""
        async with asyncio.timeout(60):
            while True:
                try:
                    await queue.read_dead_letters(0)
                except QueueUnavailableError:
                    await asyncio.sleep(0.05)
                else:
                    return
