"""Fixtures: controllers of the test's own, while installed ones rest."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.controller.objects import (
    DEPLOYMENT,
    IDLE_S,
    LEASE_S,
    MASTER_SECRET,
    RELEASE,
    RUNTIME,
    make,
)
from e2e.controller.processes import Controller
from e2e.kubectl import Kubectl


@pytest.fixture(scope="module")
def installed_controller_at_rest(kubectl: Kubectl) -> Iterator[None]:
    """Where the chart is installed, its controllers rest meanwhile: we count the writes.

    `hack/e2e` has scaled them to zero already, since its workers share the release.
    """
    scope = ("-n", RELEASE)
    found = kubectl.run(
        *("get", "deployment", DEPLOYMENT, *scope, "-o", "jsonpath={.spec.replicas}"), check=False
    )
    replicas = found.stdout.strip() if found.returncode == 0 else "0"
    if replicas == "0":
        yield
        return
    kubectl.run("scale", "deployment", DEPLOYMENT, *scope, "--replicas=0")
    selector = "app.kubernetes.io/component=controller"
    kubectl.run("wait", "pod", *scope, "-l", selector, "--for=delete", "--timeout=60s")
    yield
    kubectl.run("scale", "deployment", DEPLOYMENT, *scope, f"--replicas={replicas}")
    kubectl.run("rollout", "status", "deployment", DEPLOYMENT, *scope, "--timeout=90s")


@pytest.fixture(scope="session")
def bare_runtime(kubectl: Kubectl) -> Iterator[str]:
    """A runtime whose image runs but holds no agent: environments are what the test says."""
    spec = {"image": "localhost/pause:1", "bootstrap": ["/var/runtime/bootstrap"]}
    kubectl.apply(make("LambdaRuntime", RUNTIME, spec))
    yield RUNTIME
    kubectl.run("delete", "lambdaruntime", RUNTIME)


@pytest.fixture
def make_controller(
    namespace: str, tmp_path: Path, bare_runtime: str, installed_controller_at_rest: None
) -> Iterator[Callable[[str], Controller]]:
    secret = tmp_path / "secret"
    secret.write_text(MASTER_SECRET)
    made: list[Controller] = []

    def make_one(name: str) -> Controller:
        settings = {
            "KUBELAMBDA_NAMESPACE": namespace,
            "KUBELAMBDA_WATCH_NAMESPACES": namespace,
            "KUBELAMBDA_POD_NAME": name,
            "KUBELAMBDA_MASTER_SECRET_FILE": str(secret),
            "KUBELAMBDA_LEASE_DURATION_S": str(LEASE_S),
            "KUBELAMBDA_LEASE_RENEW_S": "1",
            "KUBELAMBDA_IDLE_TIMEOUT_S": str(IDLE_S),
        }
        made.append(Controller(settings, tmp_path / f"{name}.log"))
        return made[-1]

    yield make_one
    for process in made:
        process.kill()
