"""What the suites that run against a target share: the target, boto3, why a test is skipped.

A reason of the form ``subject: detail: make target`` is counted under its target at the end
(``not_run``).
"""

from collections.abc import Iterator
from typing import NoReturn

import pytest

from conformance.lambda_api.invoker import Invoker
from conformance.lambda_api.targets import TARGET, ClusterTarget, LocalTarget, Target, make_client

INSTALL = "make local-runtimes INSTALL=1"
"""What makes the languages that this machine lacks; ends a reason."""


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


@pytest.fixture(autouse=True)
def possible(request: pytest.FixtureRequest) -> None:
    """Skip a cell that this target cannot have."""
    marker = request.node.get_closest_marker("impossible")
    reason = str(marker.kwargs.get(TARGET, "")) if marker else ""
    if reason and TARGET == "local":
        pytest.skip(f"what local mode cannot have: {reason}: make conformance")
    if reason:
        skip_impossible(reason)


def skip_impossible(reason: str) -> NoReturn:
    """Skip a test that cannot be run here, whatever is installed."""
    pytest.skip(f"impossible in {TARGET}: {reason}")
