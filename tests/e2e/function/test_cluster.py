"""What the product needs of a cluster, and that the test cluster has it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from e2e.functions import Functions, build_function
from e2e.kubectl import Kubectl
from e2e.pods import build_pod

SERVE = """
from http.server import HTTPServer, SimpleHTTPRequestHandler
HTTPServer(("", 8080), SimpleHTTPRequestHandler).serve_forever()
"""
CONNECT = "import socket,sys; socket.create_connection((sys.argv[1], 8080), timeout=2).close()"


def build_policy(*ingress: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "server"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "server"}},
            "policyTypes": ["Ingress"],
            "ingress": list(ingress),
        },
    }


@pytest.fixture
def two_pods(kubectl: Kubectl, namespace: str) -> Callable[[], bool]:
    """A server, a client, and a probe that tells whether one reaches the other."""
    kubectl.apply(
        build_pod("server", SERVE),
        build_pod("client", "import time; time.sleep(600)"),
        namespace=namespace,
    )
    ready = ["wait", "--for=condition=Ready", "pod/server", "pod/client", "--timeout=60s"]
    kubectl.run("-n", namespace, *ready)
    address = kubectl.json("-n", namespace, "get", "pod", "server")["status"]["podIP"]

    def reaches() -> bool:
        command = ["exec", "client", "--", "python3", "-c", CONNECT, address]
        return kubectl.run("-n", namespace, *command, check=False).returncode == 0

    return reaches


def test_a_network_policy_blocks_and_another_allows(
    kubectl: Kubectl,
    namespace: str,
    two_pods: Callable[[], bool],
    wait_until: Callable[..., Any],
) -> None:
    wait_until(two_pods, "without a policy the server is reached")
    kubectl.apply(build_policy(), namespace=namespace)
    wait_until(lambda: not two_pods(), "a policy without rules blocks")
    allowed = {"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]}
    kubectl.apply(build_policy(allowed), namespace=namespace)
    wait_until(two_pods, "a policy that names the client allows it")


def test_nothing_leaves_the_machine(
    kubectl: Kubectl, namespace: str, two_pods: Callable[[], bool]
) -> None:
    """CLUSTER rules: load and fault tests aim at addresses of the test cluster only."""
    if kubectl.text("config", "current-context") != "kubelambda-test":
        pytest.skip("kind's network is the developer's own; only the bare cluster is closed")
    wait = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"
    command = ["exec", "client", "--", "python3", "-c", wait]
    assert kubectl.run("-n", namespace, *command, check=False).returncode != 0


def test_a_running_function_has_its_cpu_share_and_its_cgroup_says_so(
    functions: Functions, wait_until: Callable[..., Any]
) -> None:
    """Full CPU during init, then resized in place to memory/1769, without a restart."""
    arn = functions.apply(build_function("sized", memorySize=512))
    functions.invoke(arn, {})
    share_millis = round(512 * 1000 / 1769)

    def limit() -> Any:
        pod = functions.pods("sized")[0]
        (status,) = pod["status"]["containerStatuses"]
        limits = status.get("resources", {}).get("limits", {})  # not said at first
        return pod if limits.get("cpu") == f"{share_millis}m" else None

    pod = wait_until(limit, "the pod's status shows the share")
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    quota, period = wait_until(
        lambda: read_cpu_quota(functions, pod["metadata"]["name"]), "the cgroup can be read"
    )
    assert quota / period == pytest.approx(share_millis / 1000, rel=0.02)


def read_cpu_quota(functions: Functions, pod: str) -> tuple[int, int] | None:
    script = (
        "cat /sys/fs/cgroup/cpu.max 2>/dev/null || "
        "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.cfs_period_us"
    )
    done = functions.kubectl.run(
        "-n", functions.namespace, "exec", pod, "--", "sh", "-c", script, check=False
    )
    words = done.stdout.split()
    time.sleep(0.2)
    return (int(words[0]), int(words[1])) if len(words) == 2 and words[0].isdigit() else None


def test_kubectl_has_the_clusters_version(kubectl: Kubectl) -> None:
    versions = json.loads(kubectl.run("version", "-o", "json").stdout)
    client, server = versions["clientVersion"], versions["serverVersion"]
    assert abs(int(client["minor"].rstrip("+")) - int(server["minor"].rstrip("+"))) <= 1
