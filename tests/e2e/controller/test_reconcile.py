"""The controller against the API server: writes counted, crashes, two of them, clean removal."""

import signal
import time
from typing import Any

import pytest

from e2e.controller.objects import (
    LEASE_S,
    MANAGED,
    all_settled,
    conditions,
    make_function,
)
from e2e.controller.processes import wait_settled
from e2e.kubectl import Kubectl


def test_two_writes_for_a_new_function_one_for_a_change_none_at_restart(
    kubectl: Kubectl, namespace: str, make_controller: Any, wait_until: Any
) -> None:
    """Counted for 100 functions; besides, one NetworkPolicy for the namespace."""
    count = 100
    controller = make_controller("one")
    controller.start()
    wait_until(controller.is_ready, "the controller is ready")
    kubectl.apply(*(make_function(f"f{i}") for i in range(count)), namespace=namespace)
    wait_until(lambda: all_settled(kubectl, namespace, count), "all are observed")
    created = wait_settled(controller)
    assert created == {
        "create secrets": count,
        "patch lambdafunctions/status": count,
        "apply networkpolicies": 1,
    }
    changed = (make_function(f"f{i}", description="another") for i in range(count))
    kubectl.apply(*changed, namespace=namespace)
    wait_until(lambda: all_settled(kubectl, namespace, count), "all changes are observed")
    assert wait_settled(controller) == {**created, "patch lambdafunctions/status": 2 * count}

    controller.send(signal.SIGTERM)
    assert controller.wait(10) == 0
    controller.start()
    wait_until(lambda: controller.logged("one leads now"), "it leads again")
    time.sleep(5)
    assert wait_settled(controller) == {}


def test_objects_deleted_leave_nothing_behind(
    kubectl: Kubectl, namespace: str, make_controller: Any, wait_until: Any
) -> None:
    controller = make_controller("one")
    controller.start()
    kubectl.apply(make_function("a"), make_function("b"), namespace=namespace)
    wait_until(lambda: all_settled(kubectl, namespace, 2), "both are observed")
    wait_until(lambda: kubectl.items("networkpolicy", namespace), "the policy is there")
    kubectl.run("delete", "lambdafunction", "a", "b", "-n", namespace)
    for kind in ("deployment", "replicaset", "secret", "networkpolicy", "pod"):
        wait_until(lambda kind=kind: not kubectl.items(kind, namespace), f"no {kind} is left")


@pytest.mark.timeout(900)  # twenty starts of a controller, each of which a busy machine makes slow
def test_a_controller_killed_mid_reconcile_converges_without_doubles(
    kubectl: Kubectl, namespace: str, make_controller: Any, wait_until: Any
) -> None:
    """F3: killed 20 times while functions keep coming; one of each object per function."""
    controller = make_controller("one")
    per_round, rounds = 4, 20
    for number in range(rounds):
        controller.start()
        wait_until(controller.is_ready, "the controller is ready")
        names = (f"r{number}-{i}" for i in range(per_round))
        kubectl.apply(*(make_function(name) for name in names), namespace=namespace)
        time.sleep(0.02 * (number % 5))
        controller.kill()
    controller.start()
    count = per_round * rounds
    wait_until(lambda: all_settled(kubectl, namespace, count), "all are observed")
    functions = kubectl.items("lambdafunction", namespace)
    uids = sorted(function["metadata"]["uid"] for function in functions)
    secrets = kubectl.items("secret", namespace, MANAGED)
    owners = [secret["metadata"]["ownerReferences"][0]["uid"] for secret in secrets]
    assert sorted(owners) == uids, "exactly one Secret for each function"
    assert not kubectl.items("deployment", namespace), "none before there is demand"


def test_a_stopped_leader_is_replaced_and_ends_when_it_wakes(
    kubectl: Kubectl, namespace: str, make_controller: Any, wait_until: Any
) -> None:
    """F4: the resumed one finds its term over before it writes anything."""
    first, second = make_controller("first"), make_controller("second")
    first.start()
    wait_until(lambda: first.logged("first leads now"), "the first leads")
    second.start()
    wait_until(second.is_ready, "a standby is Ready")
    assert not second.logged("leads now")

    first.send(signal.SIGSTOP)
    kubectl.apply(make_function("while-stopped"), namespace=namespace)
    wait_until(lambda: second.logged("second leads now"), "the second leads", 3 * LEASE_S)
    wait_until(lambda: all_settled(kubectl, namespace, 1), "the second reconciles")
    kubectl.apply(make_function("before-waking"), namespace=namespace)
    wait_until(lambda: all_settled(kubectl, namespace, 2), "the second reconciles")
    before = first_writes(kubectl, namespace)

    first.send(signal.SIGCONT)
    assert first.wait(15) == 1, "the old leader ends with an error"
    assert first_writes(kubectl, namespace) == before, "the old leader wrote nothing any more"
    lease = kubectl.json("get", "lease", "kubelambda-controller", "-n", namespace)
    assert lease["spec"]["holderIdentity"] == "second"


def first_writes(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    """Versions of everything that a controller writes."""
    kinds = ("lambdafunction", "deployment", "secret", "networkpolicy")
    return {
        f"{kind}/{manifest['metadata']['name']}": manifest["metadata"]["resourceVersion"]
        for kind in kinds
        for manifest in kubectl.items(kind, namespace)
    }


def test_a_leader_that_stops_in_good_order_is_followed_at_once(
    namespace: str, make_controller: Any, wait_until: Any
) -> None:
    first, second = make_controller("first"), make_controller("second")
    first.start()
    wait_until(lambda: first.logged("first leads now"), "the first leads")
    second.start()
    wait_until(second.is_ready, "the standby is Ready")
    first.send(signal.SIGTERM)
    assert first.wait(10) == 0
    wait_until(lambda: second.logged("second leads now"), "the second leads", LEASE_S / 2)


STALLED = [
    ("an unknown runtime", {"runtime": "cobol85"}, "RuntimeNotFound", "known here: "),
    ("a field without effect", {"role": "some-role"}, "FeatureNotAvailable", "role"),
    ("a taken functionName", {"functionName": "taken"}, "DuplicateFunctionName", "'taken'"),
]


@pytest.mark.parametrize(
    ("spec", "reason", "message"), [case[1:] for case in STALLED], ids=[c[0] for c in STALLED]
)
def test_what_cannot_work_is_stalled_and_says_what_to_do(
    kubectl: Kubectl,
    namespace: str,
    make_controller: Any,
    wait_until: Any,
    spec: dict[str, Any],
    reason: str,
    message: str,
) -> None:
    controller = make_controller("one")
    controller.start()
    kubectl.apply(make_function("older", functionName="taken"), namespace=namespace)
    wait_until(lambda: all_settled(kubectl, namespace, 1), "the older one is observed")
    time.sleep(1.1)  # creation times count whole seconds
    kubectl.apply(make_function("younger", **spec), namespace=namespace)
    wait_until(lambda: all_settled(kubectl, namespace, 2), "both are observed")
    found = conditions(kubectl.json("get", "lambdafunction", "younger", "-n", namespace))
    assert (found["Ready"]["status"], found["Stalled"]["status"]) == ("False", "True")
    assert found["Stalled"]["reason"] == reason
    assert message in found["Stalled"]["message"]
    older = conditions(kubectl.json("get", "lambdafunction", "older", "-n", namespace))
    assert older["Ready"]["status"] == "True"
