"""What a function or a published version owns: a Deployment per revision, pods, and a key Secret.

Contract: pure. Deployment and Secret carry an owner reference, so that they are deleted with their
owner whether the controller runs or not. The manifest of a Deployment has no ``replicas``:
whoever creates it adds them, whoever repairs it must not (an apply that leaves out the replicas
which it once carried would reset them to 1).
"""

import base64
from typing import Any

from kubelambda.kube.paths import DEPLOYMENTS, Resource
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.function_pod import build_pod_labels

_STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
"""We never change a template, but a person can. No environment is removed then before one of the
changed template is Ready, and by that time the template has been put back."""


def build_owner_reference(resource: Resource, name: str, uid: str) -> dict[str, Any]:
    """The LambdaFunction or LambdaVersion as controller of what carries this."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": name,
        "uid": uid,
        "controller": True,
    }


def build_deployment(
    *,
    namespace: str,
    name: str,
    owner: dict[str, Any],
    function_uid: str,
    revision: str,
    pod_spec: dict[str, Any],
) -> dict[str, Any]:
    """The Deployment of one revision, without ``replicas``."""
    pod_labels = build_pod_labels(function_uid, revision)
    selector = {key: pod_labels[key] for key in (labels.FUNCTION_UID, labels.REVISION)}
    return {
        "apiVersion": DEPLOYMENTS.api_version,
        "kind": DEPLOYMENTS.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {**selector, labels.MANAGED_BY: labels.MANAGER},
            "ownerReferences": [owner],
        },
        "spec": {
            "revisionHistoryLimit": 0,
            "strategy": _STRATEGY,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": pod_labels}, "spec": pod_spec},
        },
    }


def build_key_secret(
    *, namespace: str, name: str, owner: dict[str, Any], function_uid: str, key: bytes
) -> dict[str, Any]:
    """The immutable Secret with the function's link key, in hex."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {labels.FUNCTION_UID: function_uid, labels.MANAGED_BY: labels.MANAGER},
            "ownerReferences": [owner],
        },
        "immutable": True,
        "type": "Opaque",
        "data": {"key": base64.b64encode(key.hex().encode()).decode()},
    }
