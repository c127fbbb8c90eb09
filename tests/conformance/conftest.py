"""What the suites that run against a target share: the target, boto3, what is impossible."""

from collections.abc import Iterator
from typing import Any, NoReturn

import pytest

from conformance.lambda_api.invoker import Invoker
from conformance.lambda_api.targets import TARGET, ClusterTarget, LocalTarget, Target, make_client

REASONS = pytest.StashKey[dict[str, str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers of pytest-xdist share nothing, so what shares a function or a port stays together."""
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(name_group(item)))


def name_group(item: pytest.Item) -> str:
    """The row of the matrix, whose function is made once, else the file."""
    call = getattr(item, "callspec", None)
    return str(call.params.get("row", item.path.stem)) if call else item.path.stem


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
    """Skip a cell that this target cannot have, and say so at the end."""
    marker = request.node.get_closest_marker("impossible")
    reason = str(marker.kwargs.get(TARGET, "")) if marker else ""
    if reason:
        skip_impossible(request, reason)


def skip_impossible(request: pytest.FixtureRequest, reason: str) -> NoReturn:
    """Skip the cell of ``request``; the reason stands in the report at the end."""
    note_impossible(request.config, request.node.name, reason)
    pytest.skip(f"impossible in {TARGET}: {reason}")


def note_impossible(config: pytest.Config, name: str, reason: str) -> None:
    """Have ``reason`` printed at the end."""
    config.stash.setdefault(REASONS, {})[name] = reason


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    reasons = config.stash.get(REASONS, {})
    if reasons:
        terminalreporter.section(f"Conformance: cells impossible in {TARGET}")
        for name, reason in sorted(reasons.items()):
            terminalreporter.line(f"{name}: {reason}")
