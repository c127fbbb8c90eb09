"""Fixtures of the end-to-end suite: any cluster in .cluster/kubeconfig whose context is ours.

The suite asks nothing about how the cluster came to be. It refuses contexts that are not test
clusters of this project, so that nobody's real cluster is ever touched.

Several workers run the tests at the same time (`hack/e2e`), all against the one release. A test
that takes something away from the others, or needs the node for itself, is marked ``alone``.
"""

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from e2e.functions import Functions
from e2e.kubectl import Kubectl
from e2e.release import Release
from side_by_side import make_scheduler

ROOT = Path(__file__).resolve().parents[2]
KUBECONFIG = ROOT / ".cluster" / "kubeconfig"
ALLOWED_CONTEXTS = frozenset({"kind-kubelambda", "kubelambda-test"})
WAIT_S = 120
"""How long a test waits by default, on a machine that several tests keep busy."""
PREFIX = "e2e-"
"""Every namespace of these tests begins with it."""


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    os.environ["KUBECONFIG"] = str(KUBECONFIG)
    os.environ["PATH"] = f"{ROOT / '.cluster' / 'bin'}:{os.environ['PATH']}"
    client = Kubectl()
    context = client.text("config", "current-context")
    if context not in ALLOWED_CONTEXTS:
        pytest.exit(f"context {context!r} is not one of {sorted(ALLOWED_CONTEXTS)}", returncode=2)
    return client


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own, with restricted Pod Security.

    It is deleted when the test is over, without waiting: that takes up to 16 s each time.
    ``test_cleanup`` checks that all of them have gone in the end.
    """
    name = create_namespace(kubectl, {"pod-security.kubernetes.io/enforce": "restricted"})
    yield name
    delete_namespace(kubectl, name)


def create_namespace(kubectl: Kubectl, labels: dict[str, str] | None = None) -> str:
    """Its name, which no other test has, nor had."""
    name = f"{PREFIX}{uuid.uuid4().hex[:10]}"
    metadata = {"name": name, "labels": labels or {}}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    return name


def delete_namespace(kubectl: Kubectl, name: str) -> None:
    """Delete it without waiting for its end."""
    kubectl.run("delete", "namespace", name, "--wait=false")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that may take longest come first, so that none ends long after the others.

    ``test_cleanup`` comes last. All else is in random order.
    """
    items.sort(key=lambda item: (item.path.name == "test_cleanup.py", -read_limit_s(item)))


def read_limit_s(item: pytest.Item) -> float:
    """What the test's mark says; 0 where it has none."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return make_scheduler(config, log, name_group)


def name_group(nodeid: str) -> str:
    """Each test by itself, but one worker has all that serve the registry's port."""
    return "registry" if "test_images.py" in nodeid else nodeid


@pytest.fixture(scope="session")
def gateway_url(kubectl: Kubectl) -> str:
    return subprocess.run(
        [ROOT / "hack" / "gateway-url"], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def lambda_client(gateway_url: str, namespace: str) -> Any:
    """boto3's Lambda client on the gateway, without retries, so that a test sees each answer."""
    return make_lambda_client(gateway_url)


def make_lambda_client(gateway_url: str, *, read_timeout_s: float = 70) -> Any:
    return boto3.client(
        "lambda",
        region_name="us-east-1",
        endpoint_url=gateway_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout_s),
    )


@pytest.fixture
def wait_until() -> Callable[..., Any]:
    """Poll until the function given returns something true; fail with its last value."""

    def wait(probe: Callable[[], Any], what: str, timeout_s: float = WAIT_S) -> Any:
        end, value = time.monotonic() + timeout_s, None
        while time.monotonic() < end:
            value = probe()
            if value:
                return value
            time.sleep(0.1)
        pytest.fail(f"{what}: not within {timeout_s} s; last seen: {value!r}")

    return wait


@pytest.fixture
def functions(kubectl: Kubectl, lambda_client: Any, namespace: str) -> Functions:
    return Functions(kubectl, lambda_client, namespace)


@pytest.fixture
def release(kubectl: Kubectl, wait_until: Callable[..., Any]) -> Iterator[Release]:
    """The installed release; whatever a test does to its pods, the next test finds all of them."""
    release = Release(kubectl, wait_until)
    yield release
    release.restore()
