"""The objects that the controller's tests apply, and what they look for in them."""

import os
from typing import Any

from e2e.kubectl import Kubectl

RUNTIME = f"e2e-bare-{os.environ.get('PYTEST_XDIST_WORKER', 'only')}"
"""One for each worker of pytest, since runtimes are objects of the whole cluster."""
RELEASE = "kubelambda"
DEPLOYMENT = "kubelambda-controller"
MANAGED = "app.kubernetes.io/managed-by=kubelambda"
MASTER_SECRET = "0123456789abcdef" * 4
LEASE_S = 6
IDLE_S = 60


def make(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    manifest = {"apiVersion": "kubelambda.io/v1alpha1", "kind": kind, "spec": spec}
    return {**manifest, "metadata": {"name": name}}


def make_function(name: str, **more: Any) -> dict[str, Any]:
    spec = {"runtime": RUNTIME, "handler": "app.handler", "code": {"inline": {"app.py": "x"}}}
    return make("LambdaFunction", name, {**spec, **more})


def conditions(function: dict[str, Any]) -> dict[str, Any]:
    return {
        condition["type"]: condition
        for condition in function.get("status", {}).get("conditions", [])
    }


def is_settled(function: dict[str, Any]) -> bool:
    observed = function.get("status", {}).get("observedGeneration")
    return bool(observed == function["metadata"]["generation"])


def all_settled(kubectl: Kubectl, namespace: str, count: int) -> bool:
    functions = kubectl.items("lambdafunction", namespace)
    return len(functions) == count and all(is_settled(function) for function in functions)
