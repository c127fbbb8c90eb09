"""What the suites that run against a target share: the target, boto3, why a test is skipped.

A reason of the form ``subject: detail: make target`` is counted under its target at the end
(``not_run``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from conformance.gate import Gate
from conformance.lambda_api.code_site import build_way_to
from conformance.lambda_api.invoker import Invoker
from conformance.lambda_api.targets import TARGET, ClusterTarget, LocalTarget, Target, make_client
from conformance.runtimes.languages import LANGUAGES
from side_by_side import make_scheduler

INSTALL = "make local-runtimes INSTALL=1"
"""What makes the languages that this machine lacks; ends a reason."""
SHARED = {
    "test_endings": "slow rules",  # the fixture ``slow`` is for one test of each
    "test_runtime_api": "slow rules",
    "test_code_sources": "code site",  # both serve the same port
    "test_layer_sources": "code site",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a cluster would only repeat of local mode (docs/testing.md)."""
    if TARGET != "cluster":
        return
    repeated = [item for item in items if is_repeated(item)]
    config.hook.pytest_deselected(items=repeated)
    items[:] = [item for item in items if item not in repeated]


def is_repeated(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    others = [index for name, index in call.indices.items() if name != "row"] if call else []
    is_first = not any(others)
    once = item.get_closest_marker("one_on_cluster") is not None
    return item.get_closest_marker("local_only") is not None or (once and not is_first)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Workers share nothing, so what shares a function, a build or a port stays together."""
    return make_scheduler(config, log, name_group)


def name_group(nodeid: str) -> str:
    """The row of the matrix, whose function is made once, else the file or its neighbours."""
    path, _, test = nodeid.partition("::")
    file = Path(path).stem
    parameters = test.partition("[")[2].rstrip("]").split("-")
    rows = [parameter for parameter in parameters if parameter in LANGUAGES]
    return rows[0] if rows else SHARED.get(file, file)


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
    client = make_client(target.url)
    yield Invoker(target, client)
    client.close()


@pytest.fixture
def gate(invoker: Invoker) -> Iterator[Gate]:
    made = Gate()
    if TARGET == "cluster":
        invoker.target.put_object(build_way_to("gate", made.url))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def possible(request: pytest.FixtureRequest) -> None:
    """Skip a cell that this target cannot have."""
    marker = request.node.get_closest_marker("impossible")
    reason = str(marker.kwargs.get(TARGET, "")) if marker else ""
    if reason and TARGET == "local":
        skip_of_local_mode(reason)
    if reason:
        skip_impossible(reason)


def skip_of_local_mode(reason: str) -> NoReturn:
    """Skip a test of what only a cluster has."""
    pytest.skip(f"what local mode cannot have: {reason}: make conformance")


def skip_impossible(reason: str) -> NoReturn:
    """Skip a test that cannot be run here, whatever is installed."""
    pytest.skip(f"impossible in {TARGET}: {reason}")
