"""Where code comes from, on the cluster."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from e2e.functions import Functions, build_function
from e2e.kubectl import Kubectl

SAY = "def handler(event, context):\n    return '{word}'\n"


def build_config_map(word: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "say"},
        "data": {"app.py": SAY.format(word=word)},
    }


@pytest.mark.timeout(300)
def test_code_from_a_config_map_follows_its_changes_without_a_failed_request(
    functions: Functions, kubectl: Kubectl, wait_until: Callable[..., Any]
) -> None:
    """The new version serves within seconds; meanwhile the old one answers."""
    manifest = build_function("say")
    manifest["spec"]["code"] = {"configMapRef": {"name": "say"}}
    kubectl.apply(manifest, namespace=functions.namespace)

    def read_reason() -> str:
        status = kubectl.json("-n", functions.namespace, "get", "lfn", "say").get("status", {})
        reasons = [
            condition["reason"]
            for condition in status.get("conditions", ())
            if condition["type"] == "Ready"
        ]
        return str(reasons[0]) if reasons else ""

    wait_until(lambda: read_reason() == "CodeNotFound", "the missing ConfigMap is said")
    kubectl.apply(build_config_map("one"), namespace=functions.namespace)
    arn = functions.apply(manifest)
    assert functions.invoke(arn, {})[0] == "one"
    kubectl.apply(build_config_map("two"), namespace=functions.namespace)
    said = []
    end = time.monotonic() + 60
    while time.monotonic() < end and said[-1:] != ["two"]:
        payload, answer = functions.invoke(arn, {})
        assert "FunctionError" not in answer, payload
        said.append(payload)
    assert said[-1] == "two"
    assert set(said) == {"one", "two"}
