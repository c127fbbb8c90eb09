"""Rules of this suite that need their time."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.conftest import skip_impossible
from conformance.lambda_api.invoker import Answer, Invoker
from conformance.lambda_api.layers import OfflineError, find_version, install_library
from conformance.lambda_api.targets import Target


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
    arn = invoker.target.put("slow-init", "slow_init", timeout=30, memorySize=1024)
    answer = invoker(arn, LogType="Tail")
    invoker.wait_for_log(arn, "Phase: init\tStatus: timeout")
    return answer


def _idle_for_25_seconds(invoker: Invoker) -> Answer:
    arn = invoker.target.put("slow-idle", "takeover", timeout=5)
    first = invoker(arn, {"act": "pid"})
    time.sleep(25)
    later = invoker(arn, {"act": "pid"})
    assert later.value == first.value
    return later


@pytest.fixture(autouse=True)
def begun(slow: object) -> None:
    """Any test of the suite begins them."""


@pytest.fixture
def install(request: pytest.FixtureRequest, target: Target) -> Callable[[str, Path], Path]:
    """Installs a library from PyPI for the target's Python; skips the test without PyPI."""

    def run(library: str, directory: Path) -> Path:
        try:
            return install_library(library, directory, find_version(target.name))
        except OfflineError as error:
            skip_impossible(request, f"PyPI cannot be reached: {error}")

    return run


@pytest.fixture(autouse=True)
def tidy(invoker: Invoker) -> Iterator[None]:
    """Delete the functions of the test: a cluster has no room for all of the suite at once."""
    count = len(invoker.names)
    yield
    for name in invoker.names[count:]:
        invoker.target.drop(name)
