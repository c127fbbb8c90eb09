"""F31: a node that is full. The platform gets its room back, and what is ready serves."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from e2e.conftest import make_lambda_client
from e2e.functions import FAULTS, Functions, build_function
from e2e.kubectl import Kubectl
from e2e.node import FullNode, count_leftover_pods, other_namespace, pods_in_phase
from e2e.release import Release

pytestmark = pytest.mark.alone

MEMORY_MB = 128
SOON_S = 40
"""Seconds for what must happen without anybody's hand, with slack for a busy test machine."""


@pytest.fixture
def full_node(
    kubectl: Kubectl, namespace: str, wait_until: Callable[..., Any]
) -> Iterator[FullNode]:
    wait_until(lambda: count_leftover_pods(kubectl, namespace) == 0, "former tests' pods are gone")
    for name in other_namespace(kubectl):
        full_node = FullNode(kubectl, name)
        yield full_node
        full_node.free()


class Callers:
    """Concurrent synchronous requests and how each ended."""

    def __init__(self, gateway_url: str, patience_s: float) -> None:
        self._url = gateway_url
        self._patience_s = patience_s
        self._pool = ThreadPoolExecutor(64)
        self.futures: list[Future[str]] = []

    def call(self, arn: str, times: int, event: Any) -> None:
        for _ in range(times):
            self.futures.append(self._pool.submit(self._invoke, arn, event))

    def outcomes(self) -> Counter[str]:
        return Counter(future.result() for future in self.futures)

    def close(self) -> None:
        self._pool.shutdown()

    def _invoke(self, arn: str, event: Any) -> str:
        client = make_lambda_client(self._url, read_timeout_s=self._patience_s)
        try:
            answer = client.invoke(FunctionName=arn, Payload=json.dumps(event).encode())
            return str(answer.get("FunctionError", "success"))
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        except HTTPClientError as error:
            return type(error).__name__
        finally:
            client.close()


@contextmanager
def calling(gateway_url: str, patience_s: float = 60.0) -> Iterator[Callers]:
    """Callers that give up after ``patience_s``; all have ended when this is left."""
    callers = Callers(gateway_url, patience_s)
    try:
        yield callers
    finally:
        callers.close()


def condition_messages(functions: Functions, name: str) -> str:
    """Everything that the function's conditions say."""
    found = functions.kubectl.json("-n", functions.namespace, "get", "lfn", name)
    return " ".join(
        condition.get("message", "") for condition in found["status"].get("conditions", ())
    )


@pytest.mark.timeout(400)
def test_f31_the_platform_gets_its_room_back_from_functions(
    functions: Functions,
    full_node: FullNode,
    gateway_url: str,
    release: Release,
    wait_until: Callable[..., Any],
) -> None:
    """Gateways, controllers, NATS lose their pods while functions wait for just that room."""
    hog = functions.apply(build_function("hog", FAULTS, memorySize=MEMORY_MB, timeout=5))
    full_node.leave(5 * MEMORY_MB)
    with calling(gateway_url, patience_s=20) as callers:
        callers.call(hog, 24, {"seconds": 4})
        wait_until(lambda: pods_in_phase(functions, "hog", "Pending"), "pods wait for room", SOON_S)
        for component in ("gateway", "controller", "nats"):
            release.delete(*release.names(component), force=True)
        for component in ("gateway", "controller", "nats"):
            release.wait_for(component)
    full_node.free()
    wait_until(lambda: invokes(functions, hog), "functions serve again without a hand", SOON_S)


@pytest.mark.timeout(400)
def test_f31_a_gateway_more_finds_room_although_functions_have_it_all(
    functions: Functions, full_node: FullNode, gateway_url: str, release: Release
) -> None:
    """Preemption: what a roll-out of Deployments, which starts a pod more, needs as well."""
    hog = functions.apply(build_function("hog", FAULTS, memorySize=MEMORY_MB, timeout=5))
    full_node.leave(3 * MEMORY_MB)
    with calling(gateway_url, patience_s=20) as callers:
        callers.call(hog, 12, {"seconds": 3})
        release.scale("gateway", 3)
        release.restart("controller")


def invokes(functions: Functions, arn: str) -> bool:
    try:
        return bool(functions.invoke(arn, {})[0] == "done")
    except (ClientError, HTTPClientError):
        return False


@pytest.mark.timeout(300)
def test_f31_pending_pods_without_demand_go_within_seconds(
    functions: Functions, full_node: FullNode, gateway_url: str, wait_until: Callable[..., Any]
) -> None:
    """Nobody waits for them any more: not at the end of the idle time, but now."""
    hog = functions.apply(build_function("hog", FAULTS, memorySize=MEMORY_MB, timeout=5))
    full_node.leave(2 * MEMORY_MB + 50)
    with calling(gateway_url, patience_s=10) as callers:
        callers.call(hog, 20, {"seconds": 4})
        wait_until(lambda: pods_in_phase(functions, "hog", "Pending"), "pods wait for room", SOON_S)
    wait_until(
        lambda: not pods_in_phase(functions, "hog", "Pending"), "Pending pods have gone", SOON_S
    )
    assert pods_in_phase(functions, "hog", "Running"), "what runs stays"


@pytest.mark.timeout(300)
def test_f31_a_neighbours_ready_environment_serves_and_its_events_are_taken(
    functions: Functions, full_node: FullNode, gateway_url: str, wait_until: Callable[..., Any]
) -> None:
    """More at once than it has environments: they share what is ready; 202 for every Event."""
    arn = functions.apply(build_function("neighbour", FAULTS, memorySize=MEMORY_MB, timeout=5))
    functions.invoke(arn, {})
    full_node.leave(50)
    with calling(gateway_url) as callers:
        callers.call(arn, 6, {"seconds": 0.2})
        events = [
            functions.client.invoke(FunctionName=arn, InvocationType="Event", Payload=b"{}")
            for _ in range(6)
        ]
    assert callers.outcomes() == {"success": 6}
    assert {event["StatusCode"] for event in events} == {202}
    accepted = {event["ResponseMetadata"]["RequestId"] for event in events}
    wait_until(lambda: accepted <= set(functions.runs("neighbour")), "every event is run", SOON_S)


@pytest.mark.timeout(300)
def test_f31_the_condition_tells_in_the_schedulers_words(
    functions: Functions, full_node: FullNode, gateway_url: str, wait_until: Callable[..., Any]
) -> None:
    """How many pods, and why; and it is withdrawn when nobody waits any more."""
    arn = functions.apply(build_function("cold", FAULTS, memorySize=512, timeout=5))
    full_node.leave(50)
    with calling(gateway_url) as callers:
        callers.call(arn, 2, {})
        wait_until(
            lambda: "Insufficient memory" in condition_messages(functions, "cold"),
            "the scheduler's words",
            SOON_S,
        )
    full_node.free()
    wait_until(lambda: invokes(functions, arn), "it serves without a hand", SOON_S)
    wait_until(
        lambda: "Insufficient" not in condition_messages(functions, "cold"),
        "the condition is withdrawn",
        SOON_S,
    )


@pytest.fixture
def cordoned(kubectl: Kubectl) -> Iterator[Callable[[], None]]:
    (node,) = kubectl.items("nodes")
    name = node["metadata"]["name"]

    def cordon() -> None:
        kubectl.run("cordon", name)

    yield cordon
    kubectl.run("uncordon", name)


@pytest.mark.timeout(300)
def test_f31_a_cordoned_node_is_called_that_and_not_a_lack_of_memory(
    functions: Functions,
    gateway_url: str,
    wait_until: Callable[..., Any],
    cordoned: Callable[[], None],
) -> None:
    arn = functions.apply(build_function("cold", FAULTS))
    cordoned()
    with calling(gateway_url) as callers:
        callers.call(arn, 1, {})
        wait_until(
            lambda: "unschedulable" in condition_messages(functions, "cold"),
            "the scheduler's words",
            SOON_S,
        )
        assert "lower memorySize" not in condition_messages(functions, "cold")


@pytest.mark.timeout(300)
def test_f31_under_a_quota_of_three_pods_three_are_served_and_the_rest_wait_or_are_throttled(
    functions: Functions, kubectl: Kubectl, gateway_url: str, wait_until: Callable[..., Any]
) -> None:
    """Never an error of the function's: they wait for the three, or get 429 as on AWS."""
    arn = functions.apply(build_function("limited", FAULTS, timeout=10))
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "three"}}
    kubectl.apply({**quota, "spec": {"hard": {"pods": "3"}}}, namespace=functions.namespace)
    with calling(gateway_url) as callers:
        callers.call(arn, 10, {"seconds": 2})
        wait_until(
            lambda: "exceeded quota" in condition_messages(functions, "limited"),
            "the API server's words",
            SOON_S,
        )
    outcomes = callers.outcomes()
    assert set(outcomes) <= {"success", "TooManyRequestsException"}, outcomes
    assert outcomes["success"] >= 3, outcomes


@pytest.mark.timeout(300)
def test_f31_idle_environments_of_others_are_given_up_when_somebody_waits_for_room(
    functions: Functions, full_node: FullNode, gateway_url: str
) -> None:
    """After a burst of one function another is served, long before the idle time is over."""
    burst = functions.apply(build_function("burst", FAULTS, memorySize=256, timeout=5))
    other = functions.apply(build_function("other", FAULTS, memorySize=256, timeout=5))
    full_node.leave(3 * 256 + 50)
    with calling(gateway_url) as callers:
        callers.call(burst, 3, {"seconds": 2})
    assert callers.outcomes() == {"success": 3}
    with calling(gateway_url) as callers:
        callers.call(other, 4, {})
    assert callers.outcomes() == {"success": 4}
