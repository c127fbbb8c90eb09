"""Defaults that an API server adds to the objects it is sent.

Contract: pure; covers the kinds and fields that this installation writes, and no others.
"""

from typing import Any

from kubelambda.kube.paths import DEPLOYMENTS, NETWORK_POLICIES, PODS, Resource

_CONTAINER = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "resources": {},
    "imagePullPolicy": "IfNotPresent",
}
_POD_SPEC = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_DEPLOYMENT_SPEC = {
    "replicas": 1,
    "progressDeadlineSeconds": 600,
    "revisionHistoryLimit": 10,
    "strategy": {"type": "RollingUpdate"},
}
_ROLLING_UPDATE = {"maxUnavailable": "25%", "maxSurge": "25%"}


def add_defaults(resource: Resource, manifest: dict[str, Any]) -> None:
    """Complete ``manifest`` in place; repeating it changes nothing."""
    if resource == DEPLOYMENTS:
        spec = manifest["spec"]
        _fill(spec, _DEPLOYMENT_SPEC)
        if spec["strategy"].get("type") == "RollingUpdate":
            _fill(spec["strategy"].setdefault("rollingUpdate", {}), _ROLLING_UPDATE)
        _add_pod_defaults(spec["template"].setdefault("spec", {}))
    elif resource == PODS:
        _add_pod_defaults(manifest["spec"])
        _fill(manifest["spec"], {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"})
        manifest.setdefault("status", {"phase": "Pending", "qosClass": "Burstable"})
    elif resource == NETWORK_POLICIES:
        _fill(manifest["spec"], {"policyTypes": ["Ingress"]})


def _add_pod_defaults(spec: dict[str, Any]) -> None:
    _fill(spec, _POD_SPEC)
    for container in [*spec.get("initContainers", ()), *spec.get("containers", ())]:
        _fill(container, _CONTAINER)
        for variable in container.get("env", ()):
            field = variable.get("valueFrom", {}).get("fieldRef")
            if field is not None:
                field.setdefault("apiVersion", "v1")
    for volume in spec.get("volumes", ()):
        for kind in ("secret", "configMap", "projected"):
            if kind in volume:
                volume[kind].setdefault("defaultMode", 420)


def _fill(target: dict[str, Any], defaults: dict[str, Any]) -> None:
    for key, value in defaults.items():
        if key not in target:
            target[key] = dict(value) if isinstance(value, dict) else value
