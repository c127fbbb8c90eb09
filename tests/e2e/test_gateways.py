"""Several gateways on the cluster: scaled up and down under load, and one of them killed."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import HTTPClientError

from e2e.functions import Functions, build_function
from e2e.kubectl import Kubectl
from e2e.load import Load

RELEASE = "kubelambda"
GATEWAYS = "app.kubernetes.io/component=gateway"
SLEEP = """
import time
def handler(event, context):
    time.sleep(event["seconds"])
    return context.aws_request_id
"""


@pytest.fixture
def scale(kubectl: Kubectl, wait_until: Callable[..., Any]) -> Iterator[Callable[[int], None]]:
    """Set the number of gateways and wait until it is so; one again in the end."""

    def scale(count: int) -> None:
        kubectl.run("-n", RELEASE, "scale", f"statefulset/{RELEASE}-gateway", f"--replicas={count}")

        def settled() -> bool:
            pods = kubectl.items("pods", RELEASE, GATEWAYS)
            ready = [
                pod
                for pod in pods
                for one in pod["status"].get("conditions", ())
                if (one["type"], one["status"]) == ("Ready", "True")
            ]
            return len(pods) == len(ready) == count

        wait_until(settled, f"{count} gateways", timeout_s=90)

    yield scale
    scale(1)


@pytest.mark.timeout(300)
def test_gateways_scaled_from_1_to_3_to_1_under_load_fail_no_request(
    functions: Functions, gateway_url: str, scale: Callable[[int], None]
) -> None:
    """P5, DESIGN 3.3: functions move to other gateways, with their environments, unnoticed."""
    arns = [functions.apply(build_function(f"moved-{number}")) for number in range(4)]
    for arn in arns:
        functions.invoke(arn, {})
    before = {f"moved-{number}": functions.pods(f"moved-{number}") for number in range(4)}
    with Load(gateway_url, arns) as load:
        time.sleep(1)
        scale(3)
        time.sleep(3)
        scale(1)
        time.sleep(2)
    assert set(load.outcomes) == {"success"}, load.outcomes
    assert load.outcomes["success"] > 100
    for name, pods in before.items():
        uids = {pod["metadata"]["uid"] for pod in functions.pods(name)}
        assert {pod["metadata"]["uid"] for pod in pods} <= uids, f"{name} lost a warm environment"


@pytest.mark.timeout(400)
def test_p5_a_rollout_of_two_gateways_fails_no_request_of_warm_functions(
    functions: Functions, gateway_url: str, kubectl: Kubectl, scale: Callable[[int], None]
) -> None:
    """What an upgrade does to gateways: each pod is replaced, one after the other."""
    scale(2)
    arns = [functions.apply(build_function(f"rolled-{number}")) for number in range(4)]
    for arn in arns:
        functions.invoke(arn, {})
    before = {pod["metadata"]["uid"] for pod in kubectl.items("pods", RELEASE, GATEWAYS)}
    scope, name = ("-n", RELEASE), f"statefulset/{RELEASE}-gateway"
    with Load(gateway_url, arns) as load:
        time.sleep(1)
        kubectl.run(*scope, "rollout", "restart", name)
        kubectl.run(*scope, "rollout", "status", name, "--timeout=200s")
        time.sleep(2)
    after = {pod["metadata"]["uid"] for pod in kubectl.items("pods", RELEASE, GATEWAYS)}
    assert not before & after
    assert set(load.outcomes) == {"success"}, load.outcomes
    assert load.outcomes["success"] > 100


@pytest.mark.timeout(300)
def test_f1_a_killed_gateway_closes_its_connections_and_the_rest_serve(
    functions: Functions, kubectl: Kubectl, scale: Callable[[int], None]
) -> None:
    """F1: a connection error or a result for what was running, never a 5xx; later requests work."""
    scale(2)
    arns = [
        functions.apply(build_function(f"killed-{number}", SLEEP, timeout=20))
        for number in range(4)
    ]
    for arn in arns:
        functions.invoke(arn, {"seconds": 0})
    outcomes: list[str] = []

    def run(arn: str) -> None:
        try:
            answer = functions.client.invoke(
                FunctionName=arn, Payload=json.dumps({"seconds": 5}).encode()
            )
            outcomes.append(str(answer.get("FunctionError", "success")))
        except HTTPClientError:
            outcomes.append("closed")

    threads = [threading.Thread(target=run, args=(arn,)) for arn in arns]
    for thread in threads:
        thread.start()
    time.sleep(2)
    kubectl.run(
        "-n", RELEASE, "delete", "pod", f"{RELEASE}-gateway-1", "--grace-period=0", "--force"
    )
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"success", "closed"}, outcomes
    for arn in arns:
        payload, answer = functions.invoke(arn, {"seconds": 0})
        assert payload == answer["ResponseMetadata"]["RequestId"]
