"""Finding one's way in what the chart renders, and the settings that its variants are held to."""

from typing import Any

from charts.conftest import Manifest
from kubelambda.config import ControllerSettings, DispatcherSettings, GatewaySettings, Settings

NAMESPACED = ("rbac.scope=Namespaced", "rbac.namespaces={team-a,team-b}")
SMALL = ("controller.replicas=1", "gateway.replicas=1", "dispatcher.replicas=1")
"""As charts/kubelambda/values-small.yaml, which a test compares."""
VARIANTS = ((), NAMESPACED, SMALL, ("masterSecret.existingSecret=mine",))
CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "LambdaRuntime",
    "Namespace",
    "PriorityClass",
}
SETTINGS: dict[str, type[Settings]] = {
    "controller": ControllerSettings,
    "gateway": GatewaySettings,
    "dispatcher": DispatcherSettings,
}


def of_kind(objects: list[Manifest], *kinds: str) -> list[Manifest]:
    return [manifest for manifest in objects if manifest["kind"] in kinds]


def named(objects: list[Manifest], kind: str, name: str) -> Manifest:
    return next(
        manifest for manifest in of_kind(objects, kind) if manifest["metadata"]["name"] == name
    )


def pod_templates(objects: list[Manifest]) -> list[Manifest]:
    workloads = of_kind(objects, "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
    return [workload["spec"]["template"] for workload in workloads]


def our_templates(objects: list[Manifest]) -> list[Manifest]:
    """Of pods that run a role of ours, with its settings."""
    return [
        template
        for template in pod_templates(objects)
        if template["metadata"]["labels"]["app.kubernetes.io/component"] in SETTINGS
    ]


def rules(objects: list[Manifest]) -> list[dict[str, Any]]:
    return [
        rule for manifest in of_kind(objects, "Role", "ClusterRole") for rule in manifest["rules"]
    ]


def environment(template: Manifest) -> dict[str, str]:
    container = template["spec"]["containers"][0]
    return {variable["name"]: variable.get("value", "from-field") for variable in container["env"]}
