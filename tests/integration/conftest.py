"""A gateway with real agents and real runtimes, on loopback, in the test's own event loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from kubelambda.catalog.index import FunctionIndex
from kubelambda.config import GatewaySettings, read_environment
from kubelambda.core.model.code import InlineFiles
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.packages.store import PackageStore
from kubelambda.core.ports import EventSink
from kubelambda.gateway.access.authenticator import Authenticator
from kubelambda.gateway.invoke.front_page import RenderPage
from kubelambda.gateway.server import Gateway
from kubelambda.local.environments.agent_binary import find_agent
from kubelambda.local.environments.local_environments import LocalEnvironments
from kubelambda.local.machine import find_machine

ACCOUNT = "123456789012"
MASTER = b"m" * 32


def make_function(name: str, source: str, **changes: Any) -> Function:
    values: dict[str, Any] = {
        "ref": FunctionRef("default", name),
        "uid": f"uid-{name}",
        "function_name": name,
        "account_id": ACCOUNT,
        "runtime": "python3.11",
        "handler": "app.handler",
        "code": InlineFiles({"app.py": source}),
    }
    return Function(**(values | changes))


def build_environments(index: FunctionIndex, state: Path) -> LocalEnvironments:
    """Starts real agents for what ``index`` holds, once it is told the gateway's address."""
    return LocalEnvironments(
        index=index,
        machine=find_machine(),
        agent=find_agent(),
        state=state,
        master_secret=MASTER,
        inherited=read_environment(),
    )


class Installation:
    """What a test works with: put functions, invoke them with boto3 or over a raw socket."""

    def __init__(
        self, gateway: Gateway, index: FunctionIndex, environments: LocalEnvironments, url: str
    ) -> None:
        self.gateway = gateway
        self.index = index
        self.environments = environments
        self.url = url
        self.stop = asyncio.Event()
        """Set: the gateway drains."""
        self.opened: list[asyncio.StreamWriter] = []
        """Connections that end with the test."""
        self.client = boto3.client(
            "lambda",
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=50),
        )

    def put(self, name: str, source: str, **changes: Any) -> Function:
        function = make_function(name, source, **changes)
        self.index.put(function)
        return function

    async def invoke(self, name: str, event: Any = None, **arguments: Any) -> dict[str, Any]:
        """boto3's answer with the payload read and, where it is JSON, decoded."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        answer = await asyncio.to_thread(
            self.client.invoke, FunctionName=name, Payload=payload, **arguments
        )
        body = await asyncio.to_thread(answer["Payload"].read)
        answer["Payload"] = json.loads(body) if body else None
        return dict(answer)

    async def converse(self, *pieces: bytes, close: bool = False, wait_s: float = 60.0) -> bytes:
        """Send bytes, then read until the server closes or nothing comes for ``wait_s``."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.public_port)
        received = b""
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            if close:
                writer.write_eof()
            while True:
                async with asyncio.timeout(wait_s):
                    chunk = await reader.read(65_536)
                if not chunk:
                    break
                received += chunk
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()
        return received


MakeInstallation = Callable[..., Awaitable[Installation]]


@pytest.fixture
async def make_installation(
    tmp_path: Path,
) -> AsyncIterator[Callable[..., Awaitable[Installation]]]:
    stops: list[tuple[asyncio.Task[None], LocalEnvironments, Installation]] = []

    async def make(
        events: EventSink | None = None,
        packages: PackageStore | None = None,
        authenticator: Authenticator | None = None,
        render_page: RenderPage | None = None,
        **changes: Any,
    ) -> Installation:
        values: dict[str, Any] = {"public_port": 0, "internal_port": 0, "metrics_port": 0}
        settings = GatewaySettings(host="127.0.0.1", **(values | {"linger_s": 0} | changes))
        index = FunctionIndex()
        index.synced = True
        environments = build_environments(index, tmp_path)
        gateway = Gateway(
            settings,
            index,
            environments,
            MASTER,
            events=events,
            packages=packages,
            authenticator=authenticator,
            render_page=render_page,
        )
        await gateway.start()
        environments.gateway_address = f"127.0.0.1:{gateway.internal_port}"
        url = f"http://127.0.0.1:{gateway.public_port}"
        made = Installation(gateway, index, environments, url)
        task = asyncio.create_task(gateway.serve_until(made.stop))
        stops.append((task, environments, made))
        return made

    yield make
    for task, environments, made in stops:
        made.client.close()
        for writer in made.opened:
            writer.transport.abort()
        made.stop.set()
        await task
        await environments.close()


@pytest.fixture
async def installation(
    make_installation: Callable[..., Awaitable[Installation]],
) -> Installation:
    return await make_installation()
