"""F11: environments that end before they are ready."""

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
    """Stalled with the exit code; callers are told; zero pods without traffic; mended at once."""
    kubectl, namespace = functions.kubectl, functions.namespace
    arn = functions.apply(build_function("broken", runtime=broken_runtime))

    def is_told() -> bool:
        """Stalled lasts for as long as nothing is started: the longer, the more starts failed."""
        error = invoke_error(functions, arn)
        status = kubectl.json("-n", namespace, "get", "lfn", "broken")["status"]
        stalled = {condition["type"]: condition for condition in status["conditions"]}["Stalled"][
            "message"
        ]
        return (
            "ContainerStartFailed" in error
            and "ended before being ready" in stalled
            and "exit code" in stalled
        )

    wait_until(is_told, "callers and the condition tell", 150)
    wait_until(lambda: not kubectl.items("pods", namespace), "no pod without traffic", 60)
    functions.apply(build_function("broken", runtime=RUNTIME))
    payload, _ = functions.invoke(arn, {"n": 1})
    assert payload["event"] == {"n": 1}
