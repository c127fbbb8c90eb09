"""The control plane is away, as a whole or our part of it: what is warm is served (P4, F5)."""

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.conftest import ROOT
from e2e.functions import Functions, build_function
from e2e.kubectl import Kubectl
from e2e.load import Load
from e2e.release import Release

pytestmark = pytest.mark.alone

OUTAGE_S = 30
"""Longer than the Lease and every watch's patience; shorter than what makes a node NotReady."""
SLEEP = """
import time
def handler(event, context):
    time.sleep(event["seconds"])
    return "slept"
"""


@pytest.fixture
def no_controller(release: Release) -> None:
    release.scale("controller", 0)


@pytest.fixture
def api_server() -> Iterator[Callable[[str], None]]:
    """Stop the API server or let it go on; it goes on in the end."""

    def signal(what: str) -> None:
        program = ROOT / "tests" / "cluster" / "api-server"
        subprocess.run([program, what], check=True, timeout=20)

    yield signal
    signal("continue")


@pytest.fixture
def warm(functions: Functions) -> str:
    """The ARN of a function with an idle environment, made before what the test takes away."""
    arn = functions.apply(build_function("warm"))
    functions.invoke(arn, {})
    return arn


@pytest.mark.timeout(240)
def test_p4_without_a_controller_warm_functions_serve_and_cold_ones_say_why(
    functions: Functions, warm: str, request: pytest.FixtureRequest
) -> None:
    cold = functions.apply(build_function("cold"))
    request.getfixturevalue("no_controller")
    with pytest.raises(ClientError) as refused:
        functions.invoke(cold, {})
    answer: Any = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert answer["Error"]["Code"] == "ServiceException"
    assert "no environment of cold started within 30 s" in answer["Error"]["Message"]
    assert int(answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) >= 1
    assert functions.invoke(warm, {"still": "here"})[0]["event"] == {"still": "here"}


@pytest.mark.timeout(240)
def test_a_function_that_nobody_has_judged_yet_is_pending(
    functions: Functions, kubectl: Kubectl, warm: str, request: pytest.FixtureRequest
) -> None:
    """Checklist 14: 409 with boto3's class; an update of a function leaves it serving as it was."""
    request.getfixturevalue("no_controller")
    kubectl.apply(build_function("fresh"), namespace=functions.namespace)
    kubectl.apply(build_function("warm", timeout=9), namespace=functions.namespace)
    account = warm.split(":")[4]
    with pytest.raises(ClientError) as refused:
        invoke_when_known(functions, f"{account}:function:fresh")
    assert type(refused.value).__name__ == "ResourceConflictException"
    answer: Any = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert answer["message"] == (
        "The operation cannot be performed at this time. "
        "The function is currently in the following state: Pending"
    )
    assert functions.invoke(warm, {"n": 1})[0]["event"] == {"n": 1}


def invoke_when_known(functions: Functions, name: str) -> None:
    """Past the 404 of the moment before the gateway's watch has brought the object."""
    end = time.monotonic() + 10
    while True:
        try:
            functions.invoke(name, {})
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            assert time.monotonic() < end, "the gateway never heard of the function"
            time.sleep(0.05)


@pytest.mark.timeout(300)
def test_f5_with_a_stalled_api_server_warm_traffic_goes_on_and_nothing_is_deleted(
    functions: Functions,
    kubectl: Kubectl,
    gateway_url: str,
    warm: str,
    api_server: Callable[[str], None],
    wait_until: Callable[..., Any],
) -> None:
    """Silence, not refusal (F6 as well): after it everything is as before and scaling works."""
    pods_before = {pod["metadata"]["uid"] for pod in functions.pods("warm")}
    deployments_before = kubectl.items("deployments", functions.namespace)
    api_server("stop")
    with Load(gateway_url, [warm]) as load:
        time.sleep(OUTAGE_S)
    api_server("continue")
    assert set(load.outcomes) == {"success"}, load.outcomes
    assert load.outcomes["success"] > OUTAGE_S
    wait_until(lambda: kubectl.run("get", "--raw", "/readyz", check=False).returncode == 0, "API")
    arn = functions.apply(build_function("after"))
    assert functions.invoke(arn, {"n": 2})[0]["event"] == {"n": 2}
    assert {pod["metadata"]["uid"] for pod in functions.pods("warm")} == pods_before
    names = {
        deployment["metadata"]["name"]
        for deployment in kubectl.items("deployments", functions.namespace)
    }
    assert names >= {deployment["metadata"]["name"] for deployment in deployments_before}


@pytest.mark.timeout(300)
def test_f9_a_killed_container_is_signal_killed_to_the_caller_and_the_next_call_is_clean(
    functions: Functions, kubectl: Kubectl
) -> None:
    """PID 1 and all with it, as where the kernel kills the whole cgroup; others are unaffected."""
    slow = functions.apply(build_function("struck", SLEEP, timeout=30))
    other = functions.apply(build_function("other", SLEEP, timeout=30))
    for arn in (slow, other):
        functions.invoke(arn, {"seconds": 0})
    (pod,) = functions.pods("struck")
    with ThreadPoolExecutor() as pool:
        struck = pool.submit(functions.invoke, slow, {"seconds": 20})
        unaffected = pool.submit(functions.invoke, other, {"seconds": 4})
        time.sleep(1.5)
        name = pod["metadata"]["name"]
        scope = ("-n", functions.namespace)
        kubectl.run(*scope, "delete", "pod", name, "--grace-period=0", "--force")
        payload, answer = struck.result()
        assert unaffected.result()[0] == "slept"
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert payload == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }
    assert functions.invoke(slow, {"seconds": 0})[0] == "slept"
