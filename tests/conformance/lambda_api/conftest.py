"""The target of the run, functions with their own names, the report of what is impossible."""

import base64
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from conformance.lambda_api.layers import OfflineError, find_version, install_library
from conformance.lambda_api.targets import ClusterTarget, LocalTarget, Target, make_client

REASONS = pytest.StashKey[dict[str, str]]()
TARGET = os.environ.get("LAMBDA_TARGET", "local")


@dataclass(frozen=True, slots=True)
class Answer:
    """boto3's answer, its payload read."""

    payload: bytes
    raw: dict[str, Any]

    @property
    def value(self) -> Any:
        return json.loads(self.payload)

    @property
    def is_error(self) -> bool:
        return self.raw.get("FunctionError") == "Unhandled"

    @property
    def request_id(self) -> str:
        return str(self.raw["ResponseMetadata"]["RequestId"])

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.raw["ResponseMetadata"]["HTTPHeaders"])

    @property
    def tail(self) -> str:
        return base64.b64decode(self.raw["LogResult"]).decode()


@dataclass(frozen=True, slots=True)
class Invoker:
    """What tests call: functions made on the target, and boto3."""

    target: Target
    client: Any
    new_name: Callable[[], str]

    def put(self, source: str, **spec: Any) -> str:
        """A function of its own for this test; its ARN."""
        return self.target.put(self.new_name(), source, **spec)

    def __call__(self, function: str, event: Any = None, **arguments: Any) -> Answer:
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        raw = self.client.invoke(FunctionName=function, Payload=payload, **arguments)
        return Answer(raw["Payload"].read(), raw)


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    kinds = {
        "local": lambda: LocalTarget(tmp_path_factory.mktemp("local")),
        "cluster": ClusterTarget,
    }
    made: Target = kinds[TARGET]()
    yield made
    made.close()


@pytest.fixture(scope="session")
def invoker(target: Target) -> Iterator[Invoker]:
    client, numbers = make_client(target.url), itertools.count(1)
    yield Invoker(target, client, lambda: f"conformance-{next(numbers)}")
    client.close()


@pytest.fixture(scope="session")
def slow(invoker: Invoker) -> Iterator[Callable[[str], Answer]]:
    """Rules that need their time: begun before the first test, asked for by name."""
    with ThreadPoolExecutor() as pool:
        begun: dict[str, Future[Answer]] = {
            "init of 11 s": pool.submit(_init_of_11_seconds, invoker),
            "idle for 25 s": pool.submit(_idle_for_25_seconds, invoker),
        }
        yield lambda name: begun[name].result()


def _init_of_11_seconds(invoker: Invoker) -> Answer:
    arn = invoker.put("slow_init", timeout=30, memorySize=1024)
    answer = invoker(arn, LogType="Tail")
    return Answer(answer.payload, answer.raw | {"function": arn.rsplit(":", 1)[1]})


def _idle_for_25_seconds(invoker: Invoker) -> Answer:
    arn = invoker.put("takeover", timeout=5)
    first = invoker(arn, {"act": "pid"})
    time.sleep(25)
    later = invoker(arn, {"act": "pid"})
    assert later.value == first.value
    return later


@pytest.fixture(autouse=True)
def possible(request: pytest.FixtureRequest, slow: object) -> None:
    """Skip a cell that this target cannot have, and say so at the end."""
    marker = request.node.get_closest_marker("impossible")
    reason = str(marker.kwargs.get(TARGET, "")) if marker else ""
    if reason:
        skip_impossible(request, reason)


def skip_impossible(request: pytest.FixtureRequest, reason: str) -> NoReturn:
    """Skip the cell of ``request``; the reason stands in the report at the end."""
    request.config.stash.setdefault(REASONS, {})[request.node.name] = reason
    pytest.skip(f"impossible in {TARGET}: {reason}")


@pytest.fixture
def install(request: pytest.FixtureRequest, target: Target) -> Callable[[str, Path], Path]:
    """Installs a library from PyPI for the target's Python; skips the test without PyPI."""

    def run(library: str, directory: Path) -> Path:
        try:
            return install_library(library, directory, find_version(target.name))
        except OfflineError as error:
            skip_impossible(request, f"PyPI cannot be reached: {error}")

    return run


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    reasons = config.stash.get(REASONS, {})
    if reasons:
        terminalreporter.section(f"Lambda API conformance: cells impossible in {TARGET}")
        for name, reason in sorted(reasons.items()):
            terminalreporter.line(f"{name}: {reason}")
