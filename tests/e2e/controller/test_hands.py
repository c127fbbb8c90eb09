"""F33 on a cluster: what hands change is put right, and busy environments are undisturbed.

The whole tables of kind and deed are tests/unit/controller/function/test_*_by_hand.py; here is what
only a real API server, controller manager and kubelet can show.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from e2e.controller.objects import all_settled, conditions, make_function
from e2e.controller.test_scaling import Gateway, running
from e2e.kubectl import Kubectl

pytestmark = pytest.mark.timeout(240)

LABEL = "kubelambda.io/function-uid"


@pytest.fixture
def busy(
    kubectl: Kubectl, namespace: str, make_controller: Any, wait_until: Any
) -> Callable[[], None]:
    """A function with two environments; calling it says that both are busy."""
    controller = make_controller("one")
    controller.start()
    kubectl.apply(make_function("f"), namespace=namespace)
    wait_until(lambda: all_settled(kubectl, namespace, 1), "the function is observed")
    assert not kubectl.items("deployment", namespace), "nothing is made before there is demand"
    gateway = Gateway(controller, kubectl.json("get", "lambdafunction", "f", "-n", namespace))
    wait_until(
        lambda: gateway.post(waiting=2) == () and len(running(kubectl, namespace)) == 2, "two run"
    )
    names = running(kubectl, namespace)

    def say_busy() -> None:
        gateway.post(dict.fromkeys(names, ("busy", 0.0)))

    return say_busy


def pods(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    """Uids of pods that are not on their way out."""
    return {
        pod["metadata"]["name"]: pod["metadata"]["uid"]
        for pod in kubectl.items("pod", namespace)
        if "deletionTimestamp" not in pod["metadata"]
    }


ADD_VARIABLE = [
    {
        "op": "add",
        "path": "/spec/template/spec/containers/0/env/-",
        "value": {"name": "ADDED", "value": "by hand"},
    }
]
DEPLOYMENT_DEEDS: list[tuple[str, Any]] = [
    ("a variable added", ADD_VARIABLE),
    ("a label of pods added", {"spec": {"template": {"metadata": {"labels": {"more": "x"}}}}}),
    ("a rollout", {"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}),
    ("paused", {"spec": {"paused": True}}),
    ("another strategy", {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}),
    ("its owner removed", {"metadata": {"ownerReferences": None}}),
    ("all of its labels removed", {"metadata": {"labels": None}}),
]


def test_an_edited_deployment_is_put_right_before_it_costs_an_environment(
    kubectl: Kubectl, namespace: str, busy: Callable[[], None], wait_until: Any
) -> None:
    (before,) = kubectl.items("deployment", namespace)
    name, environments = before["metadata"]["name"], pods(kubectl, namespace)
    for what, change in DEPLOYMENT_DEEDS:
        busy()
        kind = "json" if isinstance(change, list) else "merge"
        patch = ("--type", kind, "-p", json.dumps(change))
        kubectl.run("patch", "deployment", name, "-n", namespace, *patch)
        wait_until(
            lambda: is_as_before(kubectl.json("get", "deployment", name, "-n", namespace), before),
            f"{what}: it is as it was",
        )
        busy()
        wait_until(
            lambda: pods(kubectl, namespace) == environments,
            f"{what}: the same environments, and no others",
        )


def is_as_before(now: dict[str, Any], before: dict[str, Any]) -> bool:
    kept = ("labels", "ownerReferences")
    return bool(
        now["spec"] == before["spec"]
        and all(now["metadata"].get(key) == before["metadata"][key] for key in kept)
    )


def test_a_key_secret_that_is_deleted_costs_a_delay_and_blames_nobody(
    kubectl: Kubectl, namespace: str, busy: Callable[[], None], wait_until: Any
) -> None:
    busy()
    (secret,) = kubectl.items("secret", namespace)
    name = secret["metadata"]["name"]
    kubectl.run("delete", "secret", name, "-n", namespace)
    victim = running(kubectl, namespace)[0]
    kubectl.run("delete", "pod", victim, "-n", namespace, "--wait=false")
    wait_until(
        lambda: (
            kubectl.items("secret", namespace)
            and kubectl.items("secret", namespace)[0]["data"] == secret["data"]
        ),
        "the same Secret is there again",
    )
    wait_until(lambda: len(running(kubectl, namespace)) == 2, "two run again")
    found = conditions(kubectl.json("get", "lambdafunction", "f", "-n", namespace))
    assert found["Ready"]["status"] == "True"


def test_policies_and_status_are_put_right(
    kubectl: Kubectl, namespace: str, busy: Callable[[], None], wait_until: Any
) -> None:
    busy()
    (before,) = kubectl.items("networkpolicy", namespace)
    name = before["metadata"]["name"]
    open_up = {"spec": {"ingress": [{}]}, "metadata": {"labels": None}}
    kubectl.run(
        "patch", "networkpolicy", name, "-n", namespace, "--type=merge", "-p", json.dumps(open_up)
    )
    wait_until(lambda: policy(kubectl, namespace) == before["spec"], "closed again")
    kubectl.run("delete", "networkpolicy", name, "-n", namespace)
    wait_until(lambda: policy(kubectl, namespace) == before["spec"], "there again")
    edit = json.dumps({"status": {"revision": "0123456789", "conditions": []}})
    kubectl.run(
        "patch",
        "lambdafunction",
        "f",
        "-n",
        namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        edit,
    )
    wait_until(
        lambda: (
            conditions(kubectl.json("get", "lambdafunction", "f", "-n", namespace))
            .get("Ready", {})
            .get("status")
            == "True"
        ),
        "Ready again",
    )
    assert len(running(kubectl, namespace)) == 2


def policy(kubectl: Kubectl, namespace: str) -> Any:
    found = kubectl.items("networkpolicy", namespace)
    return found[0]["spec"] if found else None


def test_a_pod_without_its_label_goes_and_its_deployment_makes_another(
    kubectl: Kubectl, namespace: str, busy: Callable[[], None], wait_until: Any
) -> None:
    busy()
    stray, other = sorted(pods(kubectl, namespace))
    kubectl.run("label", "pod", stray, "-n", namespace, f"{LABEL}-")
    wait_until(lambda: stray not in pods(kubectl, namespace), "the stray goes")
    assert other in pods(kubectl, namespace)


def test_a_function_that_is_made_again_at_once_is_another_one(
    kubectl: Kubectl, namespace: str, busy: Callable[[], None], wait_until: Any
) -> None:
    busy()
    former = kubectl.json("get", "lambdafunction", "f", "-n", namespace)["metadata"]["uid"]
    kubectl.run("delete", "lambdafunction", "f", "-n", namespace, "--wait=false")
    kubectl.apply(make_function("f"), namespace=namespace)
    wait_until(lambda: all_settled(kubectl, namespace, 1), "the successor is observed")
    assert kubectl.json("get", "lambdafunction", "f", "-n", namespace)["metadata"]["uid"] != former
    wait_until(lambda: not kubectl.items("deployment", namespace), "the former's objects go")
    wait_until(lambda: len(kubectl.items("secret", namespace)) == 1, "one key, the successor's")
