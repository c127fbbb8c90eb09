"""The pod of a function environment (DESIGN 3.1).

Contract: pure. Restricted Pod Security, no service account token, read-only root; nothing of it can
be chosen by the function's author but what ``FunctionPod`` holds. Its environment variables are the
contract with the agent.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubelambda.kube.resources import injected_agent, labels
from kubelambda.kube.resources.injected_agent import InjectedAgent
from kubelambda.kube.resources.quantities import format_cpu, format_mib

RUN_AS_USER = 993
RUN_AS_GROUP = 990
GRACE_S = 10
TASK_MIB = 512
"""Room for unpacked code and for layers, each: twice Lambda's 250 MB for both."""

CODE_MOUNT = {"name": "code", "mountPath": "/var/run/kubelambda/code", "readOnly": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPod:
    """Everything that the pod of one revision depends on."""

    namespace: str
    function: str
    function_uid: str
    image: str
    image_pull_policy: str
    bootstrap: Sequence[str]
    gateway_address: str
    key_secret: str
    key_generation: int
    config_digest: str
    memory_mb: int
    timeout_s: int
    ephemeral_mb: int
    cpu_limit_millis: int
    cpu_request_millis: int
    values_from: Sequence[Mapping[str, Any]] = ()
    code_config_map: str = ""
    """A ConfigMap whose files are the code; empty where the code comes over the link."""
    injected: InjectedAgent | None = None
    """Of an image function, whose image has the code and no agent of ours."""


def build_pod_spec(pod: FunctionPod) -> dict[str, Any]:
    """The pod spec; the revision is its hash, so it does not hold the revision itself."""
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # What extensions of Lambda call themselves when they subscribe to telemetry (spec 1.12).
        "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["sandbox.localdomain"]}],
        "terminationGracePeriodSeconds": pod.timeout_s + GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": RUN_AS_USER,
            "runAsGroup": RUN_AS_GROUP,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_build_container(pod)],
        "volumes": [_build_volume("tmp", pod.ephemeral_mb), *_build_code_volumes(pod)],
    }
    return injected_agent.add_to_pod(spec, pod.injected) if pod.injected else spec


def build_pod_labels(function_uid: str, revision: str) -> dict[str, str]:
    """Labels of a function's pods; the first two select them."""
    return {
        labels.FUNCTION_UID: function_uid,
        labels.REVISION: revision,
        labels.NETWORK: labels.NETWORK_DEFAULT,
        labels.MANAGED_BY: labels.MANAGER,
    }


def _build_container(pod: FunctionPod) -> dict[str, Any]:
    memory = format_mib(pod.memory_mb)
    return {
        "name": labels.FUNCTION_CONTAINER,
        "image": pod.image,
        "imagePullPolicy": pod.image_pull_policy,
        "env": _build_environment(pod),
        "resources": {
            "limits": {"cpu": format_cpu(pod.cpu_limit_millis), "memory": memory},
            "requests": {"cpu": format_cpu(pod.cpu_request_millis), "memory": memory},
        },
        "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # Lambda's own path
            *_build_code_mounts(pod),
        ],
    }


def _build_environment(pod: FunctionPod) -> list[dict[str, Any]]:
    plain = {
        "KUBELAMBDA_GATEWAY": pod.gateway_address,
        "KUBELAMBDA_NAMESPACE": pod.namespace,
        "KUBELAMBDA_FUNCTION": pod.function,
        "KUBELAMBDA_FUNCTION_UID": pod.function_uid,
        "KUBELAMBDA_KEY_GENERATION": str(pod.key_generation),
        "KUBELAMBDA_CONFIG_DIGEST": pod.config_digest,
        "KUBELAMBDA_BOOTSTRAP": json.dumps(list(pod.bootstrap)),
    }
    fields = {
        "KUBELAMBDA_REVISION": f"metadata.labels['{labels.REVISION}']",
        "KUBELAMBDA_POD": "metadata.name",
        "KUBELAMBDA_POD_UID": "metadata.uid",
    }
    return [
        *({"name": name, "value": value} for name, value in plain.items()),
        *(
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in fields.items()
        ),
        {
            "name": "KUBELAMBDA_KEY",
            "valueFrom": {"secretKeyRef": {"name": pod.key_secret, "key": "key"}},
        },
        *(_build_value(one) for one in pod.values_from),
    ]


def _build_value(value: Mapping[str, Any]) -> dict[str, Any]:
    """A value that the kubelet reads from a Secret or ConfigMap of the pod's own namespace."""
    source = "secretKeyRef" if value.get("secretKeyRef") else "configMapKeyRef"
    reference = value[source]
    return {
        "name": f"KUBELAMBDA_VALUE_{value['name']}",
        "valueFrom": {source: {"name": reference["name"], "key": reference["key"]}},
    }


def _build_code_mounts(pod: FunctionPod) -> list[dict[str, Any]]:
    """None over an image function's own /var/task and /opt."""
    if pod.injected:
        return []
    return [
        {"name": "task", "mountPath": "/var/task"},
        {"name": "opt", "mountPath": "/opt"},
        *([CODE_MOUNT] if pod.code_config_map else []),
    ]


def _build_code_volumes(pod: FunctionPod) -> list[dict[str, Any]]:
    if pod.injected:
        return []
    code = {"name": "code", "configMap": {"name": pod.code_config_map}}
    return [
        _build_volume("task", TASK_MIB),
        _build_volume("opt", TASK_MIB),
        *([code] if pod.code_config_map else []),
    ]


def _build_volume(name: str, mib: int) -> dict[str, Any]:
    return {"name": name, "emptyDir": {"sizeLimit": format_mib(mib)}}
