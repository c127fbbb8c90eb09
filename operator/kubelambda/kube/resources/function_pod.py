"""The pod of a function environment.

Contract: pure. Restricted Pod Security, no service account token, a read-only root. A function's
author can choose nothing but what ``FunctionPod`` holds. The environment variables are the contract
with the agent.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubelambda.kube.paths import PODS
from kubelambda.kube.resources import injected_agent, labels
from kubelambda.kube.resources.function_values import (
    build_value_mounts,
    build_value_variables,
    build_value_volumes,
)
from kubelambda.kube.resources.injected_agent import InjectedAgent
from kubelambda.kube.resources.quantities import format_cpu, format_mib

RUN_AS_USER = 993
RUN_AS_GROUP = 990
GRACE_S = 10
TASK_MIB = 512
"""Room for unpacked code and for layers, each: twice Lambda's 250 MB for both."""

CODE_MOUNT = {"name": "code", "mountPath": "/var/run/kubelambda/code", "readOnly": True}


S3_SECRET = "kubelambda-s3"  # noqa: S105  # the name of the Secret, no secret
"""A Secret of the function's own namespace; the pod starts without it too."""
S3_KEYS: Mapping[str, str] = {
    "KUBELAMBDA_S3_ENDPOINT": "endpoint",
    "KUBELAMBDA_S3_REGION": "region",
    "KUBELAMBDA_S3_ACCESS_KEY_ID": "accessKeyId",
    "KUBELAMBDA_S3_SECRET_ACCESS_KEY": "secretAccessKey",
    "KUBELAMBDA_S3_SESSION_TOKEN": "sessionToken",
}


@dataclass(frozen=True, slots=True)
class CodeRules:
    """Where code may be fetched from: hosts that may be private, ranges that are the cluster's."""

    allowed_hosts: Sequence[str]
    private_cidrs: Sequence[str]


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
    """A ConfigMap whose files are the code; empty if the code comes over the link."""
    code_rules: CodeRules | None = None
    """Where the agent fetches code from addresses that the function's owner has chosen."""
    uses_s3: bool = False
    injected: InjectedAgent | None = None
    """Of an image function, whose image has the code and no agent of ours."""
    priority_class: str = ""
    """PriorityClass of functions; empty: none."""


def build_pod_spec(pod: FunctionPod) -> dict[str, Any]:
    """The pod spec; the revision is its hash, so it does not hold the revision itself."""
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # What extensions of Lambda call themselves when they subscribe to telemetry (spec 1.12).
        "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["sandbox.localdomain", "sandbox"]}],
        "terminationGracePeriodSeconds": pod.timeout_s + GRACE_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": RUN_AS_USER,
            "runAsGroup": RUN_AS_GROUP,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"priorityClassName": pod.priority_class} if pod.priority_class else {}),
        "containers": [_build_container(pod)],
        "volumes": [
            _build_volume("tmp", pod.ephemeral_mb),
            *_build_code_volumes(pod),
            *build_value_volumes(pod.values_from),
        ],
    }
    return injected_agent.add_to_pod(spec, pod.injected) if pod.injected else spec


def build_direct_pod(
    *,
    namespace: str,
    name_prefix: str,
    owner: dict[str, Any],
    pod_labels: dict[str, str],
    pod_spec: dict[str, Any],
) -> dict[str, Any]:
    """A pod of a revision that ``owner``, the function object, has without a Deployment.

    Its container is never restarted: the scaler creates another pod instead. The deletion of the
    function does not wait for it.
    """
    return {
        "apiVersion": PODS.api_version,
        "kind": PODS.kind,
        "metadata": {
            "generateName": name_prefix,
            "namespace": namespace,
            "labels": pod_labels,
            "ownerReferences": [{**owner, "blockOwnerDeletion": False}],
        },
        "spec": {**pod_spec, "restartPolicy": "Never"},
    }


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
            *build_value_mounts(pod.values_from),
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
        *build_value_variables(pod.values_from),
        *_build_code_rules(pod.code_rules),
        *(_build_s3_value(name, key) for name, key in S3_KEYS.items() if pod.uses_s3),
    ]


def _build_code_rules(rules: CodeRules | None) -> list[dict[str, Any]]:
    if rules is None:
        return []
    return [
        {"name": "KUBELAMBDA_ALLOWED_CODE_HOSTS", "value": ",".join(rules.allowed_hosts)},
        {"name": "KUBELAMBDA_PRIVATE_CIDRS", "value": ",".join(rules.private_cidrs)},
    ]


def _build_s3_value(name: str, key: str) -> dict[str, Any]:
    reference = {"name": S3_SECRET, "key": key, "optional": True}
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}


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
