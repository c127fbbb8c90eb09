"""A node that is filled on purpose: small pods of another namespace, with large requests."""

from collections.abc import Iterator
from typing import Any

from e2e.conftest import PREFIX, create_namespace, delete_namespace
from e2e.functions import Functions
from e2e.kubectl import Kubectl
from e2e.pods import build_pod

WAIT_FOR_EVER = "import signal; signal.pause()"
_UNITS = {"Ki": 1 / 1024, "Mi": 1.0, "Gi": 1024.0, "": 1 / 1024**2}
_ENDED = ("Succeeded", "Failed")


def parse_mib(quantity: str) -> float:
    """Mebibytes of a quantity of memory."""
    number = quantity.rstrip("KMGi")
    return float(number) * _UNITS[quantity[len(number) :]]


def count_free_mib(kubectl: Kubectl) -> int:
    """Memory of the one node that no pod has requested."""
    (node,) = kubectl.items("nodes")
    pods = [
        pod
        for pod in kubectl.items("pods")
        if "nodeName" in pod["spec"] and pod["status"].get("phase") not in _ENDED
    ]
    requested = sum(
        parse_mib(container.get("resources", {}).get("requests", {}).get("memory", "0"))
        for pod in pods
        for container in pod["spec"]["containers"]
    )
    return int(parse_mib(node["status"]["allocatable"]["memory"]) - requested)


def count_leftover_pods(kubectl: Kubectl, namespace: str) -> int:
    """Pods of other tests, which are still ending and will give their room back."""
    return sum(
        pod["metadata"]["namespace"].startswith(PREFIX)
        and pod["metadata"]["namespace"] != namespace
        for pod in kubectl.items("pods")
    )


class FullNode:
    """Fills the node's memory but for what a test leaves free."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl = kubectl
        self._namespace = namespace

    def leave(self, free_mib: int) -> None:
        """Take all memory but ``free_mib`` with one pod; wait until it runs."""
        taken = count_free_mib(self._kubectl) - free_mib
        assert taken > 0, f"the node has less than {free_mib} MiB free"
        pod = build_pod("filler", WAIT_FOR_EVER)
        pod["spec"]["containers"][0]["resources"] = {"requests": {"memory": f"{taken}Mi"}}
        self._kubectl.apply(pod, namespace=self._namespace)
        self._kubectl.run(
            *("-n", self._namespace, "wait", "--for=condition=Ready", "pod/filler", "--timeout=60s")
        )

    def free(self) -> None:
        """Give everything back."""
        self._kubectl.run("-n", self._namespace, "delete", "pod", "filler", "--ignore-not-found")


def other_namespace(kubectl: Kubectl) -> Iterator[str]:
    """A second namespace beside the test's own, for as long as the test."""
    name = create_namespace(kubectl)
    yield name
    delete_namespace(kubectl, name)


def pods_in_phase(functions: Functions, name: str, phase: str) -> list[Any]:
    """The function's pods of that phase, without those on their way out."""
    return [
        pod
        for pod in functions.pods(name)
        if pod["status"]["phase"] == phase and "deletionTimestamp" not in pod["metadata"]
    ]
