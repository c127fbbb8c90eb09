"""F11: environments that end before they are ready."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.functions import RUNTIME, Functions, build_function
from e2e.kubectl import Kubectl
from e2e.release import Release

BROKEN = "broken1.0"


@pytest.fixture
def broken_runtime(kubectl: Kubectl, release: Release) -> Iterator[str]:
    """A runtime whose image is on the node and ends at once: the operator's, without a role."""
    container = release.pods("controller")[0]["spec"]["containers"][0]
    kubectl.apply(
        {
            "apiVersion": "kubelambda.io/v1alpha1",
            "kind": "LambdaRuntime",
            "metadata": {"name": BROKEN},
            "spec": {"image": container["image"], "bootstrap": ["/var/runtime/bootstrap"]},
        }
    )
    yield BROKEN
    kubectl.run("delete", "lambdaruntime", BROKEN)


def invoke_error(functions: Functions, arn: str) -> str:
    try:
        functions.invoke(arn, {})
    except ClientError as error:
        return str(error)
    return ""


@pytest.mark.timeout(300)
def test_f11_environments_that_end_at_once_are_said_so_and_not_made_for_ever(
    functions: Functions, broken_runtime: str, wait_until: Callable[..., Any]
) -> None:
    """Stalled with the exit code; told fast; zero pods without traffic; mended at once."""
    kubectl, namespace = functions.kubectl, functions.namespace
    arn = functions.apply(build_function("broken", runtime=broken_runtime))
    assert "ContainerStartFailed" in invoke_error(functions, arn)
    status = kubectl.json("-n", namespace, "get", "lfn", "broken")["status"]
    stalled = {one["type"]: one for one in status["conditions"]}["Stalled"]
    assert "ended before being ready" in stalled["message"]
    assert "exit code" in stalled["message"]
    began = time.monotonic()
    assert "ContainerStartFailed" in invoke_error(functions, arn)
    assert time.monotonic() - began < 10, "told at once"
    wait_until(lambda: not kubectl.items("pods", namespace), "no pod without traffic", 60)
    functions.apply(build_function("broken", runtime=RUNTIME))
    payload, _ = functions.invoke(arn, {"n": 1})
    assert payload["event"] == {"n": 1}
