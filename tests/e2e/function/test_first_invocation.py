"""The main job on a real cluster: a function applied, invoked, answered, and gone."""

import base64
import json
import subprocess
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.conftest import ROOT
from e2e.functions import FAULTS, PROBE, Functions, build_function
from e2e.kubectl import Kubectl


def test_a_function_answers_from_a_pod_that_was_scaled_from_zero(functions: Functions) -> None:
    """Ready means able to serve from zero: no pod exists before the first invocation."""
    arn = functions.apply(build_function("hello", memorySize=256))
    assert functions.pods("hello") == []
    payload, answer = functions.invoke(arn, {"name": "you"})
    assert payload == {"event": {"name": "you"}, "memory": "256"}
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert len(functions.pods("hello")) == 1


def test_the_example_of_the_readme_answers_curl_by_its_bare_name(
    kubectl: Kubectl, gateway_url: str
) -> None:
    """README: apply the example, wait for Ready, curl."""
    example = str(ROOT / "examples" / "hello-python")
    kubectl.run("apply", "--server-side", "-f", example)
    try:
        kubectl.run("wait", "--for=condition=Ready", "lfn/hello-python", "--timeout=30s")
        url = f"{gateway_url}/2015-03-31/functions/hello-python/invocations"
        answered = subprocess.run(
            ["curl", "-sS", "-d", '{"name": "you"}', url],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert json.loads(answered) == {"message": "Hello, you!"}
    finally:
        kubectl.run("delete", "-f", example)


def test_an_exception_of_the_handler_is_a_function_error(functions: Functions) -> None:
    """Spec 2.2: status 200, FunctionError Unhandled, the runtime's own JSON as payload."""
    arn = functions.apply(build_function("faults", FAULTS))
    payload, answer = functions.invoke(arn, {"fault": "raise"})
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert (payload["errorType"], payload["errorMessage"]) == ("Refused", "no")


def test_a_timeout_kills_and_the_next_invocation_is_clean(functions: Functions) -> None:
    """Spec 2.5: the exact payload at the deadline; then the environment serves again.

    The new init is part of the next event (spec 2.5), with the CPU of 128 MB: in three seconds.
    """
    arn = functions.apply(build_function("slow", FAULTS, timeout=3))
    payload, answer = functions.invoke(arn, {"seconds": 30}, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert payload == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 3.00 seconds",
    }
    log = base64.b64decode(answer["LogResult"]).decode()
    assert f"REPORT RequestId: {request_id}\t" in log
    assert "Status: timeout" in log
    assert functions.invoke(arn, {})[0] == "done"


def test_a_changed_function_answers_with_its_new_code(functions: Functions) -> None:
    arn = functions.apply(build_function("change", "def handler(e, c):\n    return 1\n"))
    assert functions.invoke(arn, {})[0] == 1
    functions.apply(build_function("change", "def handler(e, c):\n    return 2\n"))
    seen = [functions.invoke(arn, {})[0] for _ in range(3)]
    assert seen[-1] == 2


def test_reserved_concurrency_of_zero_throttles_at_once(functions: Functions) -> None:
    arn = functions.apply(build_function("off", reservedConcurrentExecutions=0))
    with pytest.raises(ClientError) as refused:
        functions.invoke(arn, {})
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    reason = refused.value.response["Reason"]
    assert reason == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_stalled_function_says_why_at_once(functions: Functions, wait_until: Any) -> None:
    """Bad input: Ready=False, Stalled=True, a typed reason, and the same sentence to the caller."""
    functions.kubectl.apply(
        build_function("lost", runtime="python3.8"), namespace=functions.namespace
    )

    def conditions() -> dict[str, Any]:
        status = functions.kubectl.json("-n", functions.namespace, "get", "lfn", "lost").get(
            "status", {}
        )
        return {condition["type"]: condition for condition in status.get("conditions", ())}

    found = wait_until(lambda: conditions() if "Stalled" in conditions() else None, "Stalled")
    assert (found["Ready"]["status"], found["Stalled"]["status"]) == ("False", "True")
    assert found["Stalled"]["reason"] == "RuntimeNotFound"
    assert "python3.13" in found["Stalled"]["message"]


def test_deleting_a_function_leaves_nothing_behind(
    functions: Functions, wait_until: Callable[..., Any]
) -> None:
    arn = functions.apply(build_function("gone"))
    functions.invoke(arn, {})
    functions.kubectl.run("-n", functions.namespace, "delete", "lfn", "gone")
    kinds = "pods,deployments,replicasets,secrets,networkpolicies"

    def nothing_left() -> bool:
        return functions.kubectl.items(kinds, functions.namespace) == []

    wait_until(nothing_left, "no object is left")
    with pytest.raises(ClientError, match="Function not found"):
        functions.invoke(arn, {})


def test_a_function_reaches_its_gateway_and_no_private_address(
    functions: Functions, kubectl: Kubectl
) -> None:
    """DNS, gateway and public addresses; not the API server, not other pods."""
    arn = functions.apply(build_function("probe", PROBE, timeout=20))
    functions.invoke(arn, {})
    controller = kubectl.items("pods", "kubelambda", "app.kubernetes.io/component=controller")[0]
    targets = {
        "link": ["kubelambda-gateway-internal.kubelambda.svc.cluster.local", 9001],
        "api server": ["kubernetes.default.svc.cluster.local", 443],
        "controller": [controller["status"]["podIP"], 9003],
        "metrics": [controller["status"]["podIP"], 9002],
    }
    found, _ = functions.invoke(arn, targets)
    assert found == {
        "link": "open",
        "api server": "TimeoutError",
        "controller": "TimeoutError",
        "metrics": "TimeoutError",
    }


def test_the_public_listener_knows_no_internal_route(gateway_url: str) -> None:
    """Rule A6: separate listeners; the public one answers 404 to internal routes."""
    for path in ("/link/v1", "/metrics", "/healthz", "/v1/demand"):
        request = urllib.request.Request(gateway_url + path)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=5)
        refused.value.close()
        assert refused.value.code == 404
