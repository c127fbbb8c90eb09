"""The release under test: its workloads, their pods, and how many there are by default."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from e2e.kubectl import Kubectl

RELEASE = "kubelambda"
"""Name of the release, of its namespace, and the prefix of its objects."""
DEFAULT_REPLICAS = {"gateway": 2, "dispatcher": 2, "controller": 2, "nats": 1}
_SETTLED_S = 150

WaitUntil = Callable[..., Any]


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether the pod is Ready and not on its way out."""
    conditions = pod["status"].get("conditions", ())
    return "deletionTimestamp" not in pod["metadata"] and any(
        (condition["type"], condition["status"]) == ("Ready", "True") for condition in conditions
    )


@dataclass(frozen=True, slots=True)
class Release:
    """Acts on the workloads of the release as an operator would, with kubectl."""

    kubectl: Kubectl
    wait_until: WaitUntil

    def workload(self, component: str) -> str:
        """What kubectl calls the workload of a component."""
        kind = "statefulset" if component in ("gateway", "nats") else "deployment"
        return f"{kind}/{RELEASE}-{component}"

    def run(self, *arguments: str) -> str:
        """kubectl in the release's namespace."""
        return self.kubectl.text("-n", RELEASE, *arguments)

    def pods(self, component: str) -> list[Any]:
        """The component's pods, those on their way out too."""
        return self.kubectl.items("pods", RELEASE, f"app.kubernetes.io/component={component}")

    def names(self, component: str) -> list[str]:
        """The names of those pods."""
        return [pod["metadata"]["name"] for pod in self.pods(component)]

    def scale(self, component: str, count: int) -> None:
        """Set the number of pods and wait until just so many are there and Ready."""
        self.run("scale", self.workload(component), f"--replicas={count}")
        self.wait_for(component, count)

    def wait_for(self, component: str, count: int | None = None) -> None:
        """Wait until ``count`` pods, by default the chart's number, are there and all are Ready."""
        wanted = DEFAULT_REPLICAS[component] if count is None else count
        self.wait_until(
            lambda: self._is_settled(component, wanted), f"{wanted} of {component}", _SETTLED_S
        )

    def restart(self, component: str) -> None:
        """Roll the workload and wait until that is over."""
        self.run("rollout", "restart", self.workload(component))
        self.run("rollout", "status", self.workload(component), "--timeout=200s")

    def delete(self, *pods: str, force: bool = False) -> None:
        """Delete pods without waiting for their end; by force they get no time to finish."""
        how = ["--grace-period=0", "--force"] if force else []
        self.run("delete", "pod", *pods, "--wait=false", *how)

    def leader(self) -> str:
        """The pod that holds the controllers' Lease; empty if nobody does."""
        found = self.kubectl.run(
            "-n", RELEASE, "get", "lease", f"{RELEASE}-controller", "-o", "json", check=False
        )
        if found.returncode:
            return ""
        return str(json.loads(found.stdout)["spec"].get("holderIdentity") or "")

    def restore(self) -> None:
        """The chart's default number of everything, Ready."""
        for component, count in DEFAULT_REPLICAS.items():
            if not self._is_settled(component, count):
                self.run("scale", self.workload(component), f"--replicas={count}")
        for component in DEFAULT_REPLICAS:
            self.wait_for(component)

    def _is_settled(self, component: str, count: int) -> bool:
        pods = self.pods(component)
        return len(pods) == count and all(is_ready(pod) for pod in pods)
