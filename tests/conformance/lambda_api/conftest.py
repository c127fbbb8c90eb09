"""What tests of this suite share: rules that need their time, a site that code is fetched from."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.conftest import skip_impossible
from conformance.lambda_api.code_site import (
    ACCESS_KEY,
    REGION,
    SECRET_KEY,
    SESSION_TOKEN,
    CodeSite,
    SiteServer,
    build_way_to,
)
from conformance.lambda_api.invoker import Answer, Invoker
from conformance.lambda_api.layers import OfflineError, find_version, install_library
from conformance.lambda_api.targets import TARGET, LocalTarget, Target, make_client


@pytest.fixture(scope="session")
def slow(invoker: Invoker) -> Iterator[Callable[[str], Answer]]:
    """Rules that need their time: begun before the first test of a file, asked for by name."""
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


@pytest.fixture
def install(target: Target) -> Callable[[str, Path], Path]:
    """Installs a library from PyPI for the target's Python; skips the test without PyPI."""

    def run(library: str, directory: Path) -> Path:
        try:
            return install_library(library, directory, find_version(target.name))
        except OfflineError as error:
            skip_impossible(f"PyPI cannot be reached: {error}")

    return run


@pytest.fixture(autouse=True)
def tidy(invoker: Invoker) -> Iterator[None]:
    """Delete the functions of the test: a cluster has no room for all of the suite at once."""
    count = len(invoker.names)
    yield
    for name in invoker.names[count:]:
        invoker.target.drop(name)


@pytest.fixture(scope="module")
def site() -> Iterator[CodeSite]:
    """A server that code and layers are fetched from."""
    server = SiteServer()
    yield server.site
    server.close()


@pytest.fixture(scope="module")
def fetching(
    site: CodeSite, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Invoker]:
    """A target whose functions have the site's credentials."""
    access = {
        "endpoint": site.url,
        "region": REGION,
        "accessKeyId": ACCESS_KEY,
        "secretAccessKey": SECRET_KEY,
        "sessionToken": SESSION_TOKEN,
    }
    if TARGET == "cluster":
        shared: Invoker = request.getfixturevalue("invoker")
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kubelambda-s3"}}
        shared.target.put_object({**secret, "stringData": access})
        shared.target.put_object(build_way_to("code-site", site.url))
        yield shared
        return
    names = ("ENDPOINT", "REGION", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
    variables = {
        f"KUBELAMBDA_S3_{name}": value for name, value in zip(names, access.values(), strict=True)
    }
    local = LocalTarget(tmp_path_factory.mktemp("fetching"), variables)
    client = make_client(local.url)
    yield Invoker(local, client)
    client.close()
    local.close()
