"""The chart's life: upgrade under load, uninstall, Namespaced mode, and back again."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.conftest import make_lambda_client
from e2e.functions import Functions, build_function
from e2e.helm import run_install, run_uninstall
from e2e.kubectl import Kubectl

pytestmark = pytest.mark.alone


@pytest.fixture
def release_restored() -> Iterator[None]:
    """Whatever a test does to the release, the next test finds it as it was."""
    yield
    run_install()


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("release_restored")
def test_an_upgrade_keeps_functions_and_serves_them_after_it(
    functions: Functions, wait_until: Callable[..., Any]
) -> None:
    """Pods of functions live through an upgrade of controller and gateway; keys stay valid."""
    arn = functions.apply(build_function("kept"))
    functions.invoke(arn, {})
    before = [pod["metadata"]["uid"] for pod in functions.pods("kept")]
    run_install("--set", "logLevel=DEBUG")
    payload, _ = functions.invoke(arn, {"after": "upgrade"})
    assert payload["event"] == {"after": "upgrade"}
    assert [pod["metadata"]["uid"] for pod in functions.pods("kept")] == before


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("release_restored")
def test_an_uninstall_ends_and_leaves_nothing_terminating(
    functions: Functions, kubectl: Kubectl, wait_until: Callable[..., Any]
) -> None:
    """F29 (without pending events): uninstall finishes; functions stay, and can be deleted."""
    arn = functions.apply(build_function("orphan"))
    functions.invoke(arn, {})
    run_uninstall("kubelambda", "kubelambda")
    left = kubectl.items("deployments,statefulsets,services,pods", "kubelambda")
    wait_until(
        lambda: kubectl.items("deployments,statefulsets,services,pods", "kubelambda") == [],
        f"the release's objects are gone: {[manifest['metadata']['name'] for manifest in left]}",
    )
    assert kubectl.json("-n", functions.namespace, "get", "lfn", "orphan")
    kubectl.run("-n", functions.namespace, "delete", "lfn", "orphan", "--timeout=30s")
    wait_until(
        lambda: kubectl.items("pods,deployments,secrets", functions.namespace) == [],
        "owner references take everything of the function along",
    )


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("release_restored")
def test_namespaced_mode_serves_its_namespace_without_a_cluster_role(
    kubectl: Kubectl, namespace: str, gateway_url: str
) -> None:
    """Rule A9: no cluster-wide object but the CRDs, and functions work.

    Without a volume too, which the installation says as loudly as that it has no priority classes.
    """
    run_uninstall("kubelambda", "kubelambda")
    said = run_install(NAMESPACE=namespace, SCOPE="Namespaced", STORAGE="none")
    try:
        assert "events are NOT kept on a volume" in said
        assert "WARNING: nats.persistence.enabled is false" in said
        assert "No priority classes" in said
        found = kubectl.items("clusterroles,clusterrolebindings,priorityclasses")
        assert [
            manifest for manifest in found if manifest["metadata"]["name"].startswith("kubelambda")
        ] == []
        functions = Functions(kubectl, make_lambda_client(gateway_url), namespace)
        arn = functions.apply(build_function("inside"))
        assert functions.invoke(arn, {"x": 1})[0]["event"] == {"x": 1}
        functions.kubectl.run("-n", namespace, "delete", "lfn", "inside")
    finally:
        run_uninstall("kubelambda", namespace)
