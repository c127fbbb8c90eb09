"""Several gateways on the cluster: scaled up and down under load, and one of them killed."""

import json
import logging
import threading
import time

import pytest
from botocore.exceptions import EndpointConnectionError, HTTPClientError

from e2e.functions import Functions, build_function
from e2e.load import Load, SteadyLoad
from e2e.release import RELEASE, Release

pytestmark = pytest.mark.alone

logger = logging.getLogger(__name__)

RATE_PER_S = 20

SLEEP = """
import time
def handler(event, context):
    time.sleep(event["seconds"])
    return context.aws_request_id
"""


@pytest.mark.timeout(300)
def test_gateways_scaled_from_1_to_3_to_1_under_load_fail_no_request(
    functions: Functions, gateway_url: str, release: Release
) -> None:
    """P5: functions move to other gateways, with their environments, unnoticed."""
    release.scale("gateway", 1)
    arns = [functions.apply(build_function(f"moved-{number}")) for number in range(4)]
    for arn in arns:
        functions.invoke(arn, {})
    before = {f"moved-{number}": functions.pods(f"moved-{number}") for number in range(4)}
    with Load(gateway_url, arns) as load:
        time.sleep(1)
        release.scale("gateway", 3)
        time.sleep(3)
        release.scale("gateway", 1)
        time.sleep(2)
    assert set(load.outcomes) == {"success"}, load.outcomes
    assert load.outcomes["success"] > 100
    for name, pods in before.items():
        uids = {pod["metadata"]["uid"] for pod in functions.pods(name)}
        assert {pod["metadata"]["uid"] for pod in pods} <= uids, f"{name} lost a warm environment"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("deed", ["a roll-out", "a scale up and down"])
def test_two_gateways_lose_no_request_of_warm_functions(
    functions: Functions, gateway_url: str, release: Release, deed: str
) -> None:
    """P5, at 20 requests a second, each on a connection of its own: what an upgrade or hands do."""
    arn = functions.apply(build_function("steady"))
    functions.invoke(arn, {})
    with SteadyLoad(gateway_url, arn, RATE_PER_S) as load:
        time.sleep(1)
        if deed == "a roll-out":
            release.restart("gateway")
        else:
            release.scale("gateway", 3)
            release.scale("gateway", 2)
        time.sleep(2)
    assert not load.failures, load.outcomes
    assert load.outcomes["success"] > 100


@pytest.mark.timeout(400)
def test_a_forced_deletion_of_a_gateway_costs_no_more_than_what_it_had_in_hand(
    functions: Functions, gateway_url: str, release: Release
) -> None:
    """P1, each of two in turn: what was under way there is cut off; nobody is refused or hangs."""
    arn = functions.apply(build_function("steady"))
    functions.invoke(arn, {})
    before = {pod["metadata"]["uid"] for pod in release.pods("gateway")}
    with SteadyLoad(gateway_url, arn, RATE_PER_S) as load:
        for name in release.names("gateway"):
            time.sleep(1)
            release.delete(name, force=True)
            release.wait_until(lambda name=name: has_gone(release, name, before), "it has gone")
            release.wait_for("gateway")
        time.sleep(2)
    assert set(load.failures) <= {"closed"}, load.outcomes
    assert load.outcomes["closed"] <= RATE_PER_S, load.outcomes


def has_gone(release: Release, name: str, before: set[str]) -> bool:
    """Whether the pod of this name is another one than ``before``, or not there."""
    return not any(
        pod["metadata"]["name"] == name and pod["metadata"]["uid"] in before
        for pod in release.pods("gateway")
    )


@pytest.mark.timeout(300)
def test_the_roll_out_of_a_single_gateway_hangs_nobody(
    functions: Functions, gateway_url: str, release: Release
) -> None:
    """values-small.yaml: while the one gateway is replaced, requests are served or end quickly."""
    release.scale("gateway", 1)
    arn = functions.apply(build_function("steady"))
    functions.invoke(arn, {})
    with SteadyLoad(gateway_url, arn, RATE_PER_S) as load:
        time.sleep(1)
        release.restart("gateway")
        time.sleep(3)
    logger.info("one gateway rolled out: %s", dict(load.outcomes))
    assert not load.outcomes["hung"], load.outcomes
    assert functions.invoke(arn, {"n": 1})[0]["event"] == {"n": 1}


@pytest.mark.timeout(300)
def test_f1_a_killed_gateway_closes_its_connections_and_the_rest_serve(
    functions: Functions, release: Release
) -> None:
    """F1: a connection error or a result for what was running, never a 5xx; later requests work."""
    arns = [
        functions.apply(build_function(f"killed-{number}", SLEEP, timeout=20))
        for number in range(4)
    ]
    for arn in arns:
        functions.invoke(arn, {"seconds": 0})
    outcomes: list[str] = []
    killed = threading.Event()

    def run(arn: str) -> None:
        try:
            answer = functions.client.invoke(
                FunctionName=arn, Payload=json.dumps({"seconds": 5}).encode()
            )
            outcomes.append(str(answer.get("FunctionError", "success")))
        except HTTPClientError:
            outcomes.append("closed")
        except EndpointConnectionError:  # of a thread that comes late
            outcomes.append("closed" if killed.is_set() else "refused before the kill")

    threads = [threading.Thread(target=run, args=(arn,)) for arn in arns]
    for thread in threads:
        thread.start()
    time.sleep(2)
    killed.set()
    release.delete(f"{RELEASE}-gateway-1", force=True)
    for thread in threads:
        thread.join()
    assert set(outcomes) <= {"success", "closed"}, outcomes
    for arn in arns:
        payload, answer = functions.invoke(arn, {"seconds": 0})
        assert payload == answer["ResponseMetadata"]["RequestId"]
