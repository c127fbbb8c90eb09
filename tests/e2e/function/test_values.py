"""Variables whose values the kubelet reads: environment.valuesFrom on the cluster."""

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.functions import Functions, build_function

SEEN_S = 120
NAMES = ("PASSWORD", "MODE", "EXTRA")
SOURCE = f"""
import os

def handler(event, context):
    return [os.environ.get(name) for name in {NAMES}]
"""
VALUES = [
    {"name": "PASSWORD", "secretKeyRef": {"name": "db", "key": "password"}},
    {"name": "MODE", "configMapKeyRef": {"name": "settings", "key": "mode.txt"}},
    {"name": "EXTRA", "secretKeyRef": {"name": "extra", "key": "k", "optional": True}},
]


def build_secret(name: str, key: str, value: str) -> dict[str, Any]:
    encoded = base64.b64encode(value.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "data": {key: encoded},
    }


def build_config_map(value: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"mode.txt": value},
    }


def apply_function(functions: Functions) -> str:
    manifest = build_function("values", SOURCE, environment={"valuesFrom": VALUES})
    return functions.apply(manifest)


def invoke_until(functions: Functions, arn: str, wanted: list[str | None]) -> list[Any]:
    """Every answer until ``wanted`` comes, ten times a second; none of them may be an error."""
    answers: list[Any] = []
    end = time.monotonic() + SEEN_S
    while time.monotonic() < end and answers[-1:] != [wanted]:
        payload, answer = functions.invoke(arn, {})
        assert "FunctionError" not in answer, payload
        answers.append(payload)
        time.sleep(0.1)
    assert answers[-1] == wanted, f"not seen within {SEEN_S} s"
    return answers


def read_reason(functions: Functions, kind: str) -> tuple[str, str]:
    """Reason and message of a condition that is as it should not be; empty if all is well."""
    lfn = functions.kubectl.json("-n", functions.namespace, "get", "lfn", "values")
    for condition in lfn.get("status", {}).get("conditions", ()):
        if condition["type"] == kind and condition["status"] == "True":
            return condition["reason"], condition.get("message", "")
    return "", ""


@pytest.mark.timeout(420)
def test_a_changed_secret_reaches_the_function_without_a_failed_request(
    functions: Functions,
) -> None:
    """Keys of both kinds arrive; changed and optional ones are seen within two minutes."""
    namespace, kubectl = functions.namespace, functions.kubectl
    kubectl.apply(build_secret("db", "password", "one"), namespace=namespace)
    kubectl.apply(build_config_map("fast"), namespace=namespace)
    arn = apply_function(functions)
    assert functions.invoke(arn, {})[0] == ["one", "fast", None]

    kubectl.apply(build_secret("db", "password", "two"), namespace=namespace)
    answers = invoke_until(functions, arn, ["two", "fast", None])
    assert {answer[0] for answer in answers} == {"one", "two"}

    kubectl.apply(build_config_map("slow"), namespace=namespace)
    kubectl.apply(build_secret("extra", "k", "more"), namespace=namespace)
    invoke_until(functions, arn, ["two", "slow", "more"])


@pytest.mark.timeout(300)
def test_a_missing_secret_is_named_and_its_coming_mends_the_function(
    functions: Functions, wait_until: Callable[..., Any]
) -> None:
    """The first environment shows it: Stalled with the Secret's name; callers are told at once."""
    functions.kubectl.apply(build_config_map("fast"), namespace=functions.namespace)
    arn = apply_function(functions)

    def read_stalled() -> tuple[str, str] | None:
        """While somebody asks for it: a busy machine may give the pod up before it is judged."""
        with pytest.raises(ClientError) as refused:
            functions.invoke(arn, {})
        assert refused.value.response["Error"]["Code"] == "ResourceNotReadyException"
        found = read_reason(functions, "Stalled")
        return found if found[0] else None

    reason, message = wait_until(read_stalled, "Stalled", timeout_s=90)
    assert reason == "ContainerConfigError"
    assert "Secret 'db'" in message

    functions.kubectl.apply(build_secret("db", "password", "one"), namespace=functions.namespace)
    wait_until(lambda: not read_reason(functions, "Stalled")[0], "mended", timeout_s=90)
    assert functions.invoke(arn, {})[0] == ["one", "fast", None]
