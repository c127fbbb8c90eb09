"""F33: hands delete or edit what the controller made; it is put right, and what runs is not hurt.

What the release itself makes (Services, workloads) is Helm's to put right, not ours.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from e2e.functions import FAULTS, Functions, build_function
from e2e.kubectl import Kubectl

NAME = "handled"
BUSY_S = 12
"""Long enough for a few calls of kubectl on a machine that other tests keep busy."""
MANAGED = "app.kubernetes.io/managed-by=kubelambda"
DeedFn = Callable[[Functions], Callable[[], bool]]
"""Does it, and returns whether it has been put right."""


def objects(functions: Functions, kind: str) -> list[Any]:
    """The managed objects of a kind in the function's namespace."""
    return functions.kubectl.items(kind, functions.namespace, MANAGED)


def names(functions: Functions, kind: str) -> set[str]:
    return {manifest["metadata"]["name"] for manifest in objects(functions, kind)}


def kubectl(functions: Functions, *arguments: str) -> None:
    functions.kubectl.run("-n", functions.namespace, *arguments)


def delete_all(kind: str) -> DeedFn:
    def deed(functions: Functions) -> Callable[[], bool]:
        before = names(functions, kind)
        uids = {manifest["metadata"]["uid"] for manifest in objects(functions, kind)}
        assert before, f"there is no {kind}"
        kubectl(functions, "delete", kind, *before)

        def restored() -> bool:
            now = objects(functions, kind)
            return {pod["metadata"]["name"] for pod in now} >= before and not (
                uids & {pod["metadata"]["uid"] for pod in now}
            )

        return restored

    return deed


def patch_all(kind: str, patch: dict[str, Any], *more: str) -> DeedFn:
    """A merge patch on each; put right when every spec is what it was."""

    def deed(functions: Functions) -> Callable[[], bool]:
        before = {
            manifest["metadata"]["name"]: manifest["spec"] for manifest in objects(functions, kind)
        }
        assert before, f"there is no {kind}"
        for name in before:
            kubectl(functions, "patch", kind, name, "--type=merge", "-p", json.dumps(patch), *more)
        return lambda: (
            {
                manifest["metadata"]["name"]: manifest["spec"]
                for manifest in objects(functions, kind)
            }
            == before
        )

    return deed


def edit_template(functions: Functions) -> Callable[[], bool]:
    """A variable more in the template of each Deployment, as `kubectl set env` does it."""
    for name in names(functions, "deployments"):
        kubectl(functions, "set", "env", f"deployment/{name}", "BY_HAND=1")
    return lambda: all(
        "BY_HAND" not in json.dumps(manifest["spec"])
        for manifest in objects(functions, "deployments")
    )


def scale_up(functions: Functions) -> Callable[[], bool]:
    """Nobody waits for these: they go at once, and what is busy stays."""

    def read() -> dict[str, int]:
        found = functions.kubectl.json("-n", functions.namespace, "get", "deployments")["items"]
        return {
            deployment["metadata"]["name"]: deployment["spec"]["replicas"] for deployment in found
        }

    before = read()
    assert before, "there is no Deployment"
    for name in before:
        kubectl(functions, "scale", f"deployment/{name}", "--replicas=5")
    return lambda: read() == before


def edit_status(functions: Functions) -> Callable[[], bool]:
    def read() -> Any:
        found = functions.kubectl.json("-n", functions.namespace, "get", "lfn", NAME)
        return found["status"].get("functionArn")

    before = read()
    patch = json.dumps({"status": {"functionArn": "arn:by:hand"}})
    kubectl(functions, "patch", "lfn", NAME, "--subresource=status", "--type=merge", "-p", patch)
    return lambda: read() == before


DEEDS: dict[str, DeedFn] = {
    "the Deployment is deleted": delete_all("deployments"),
    "the Deployment's template is edited": edit_template,
    "the Deployment is scaled up": scale_up,
    "the Deployment is paused": patch_all("deployments", {"spec": {"paused": True}}),
    "the NetworkPolicy is deleted": delete_all("networkpolicies"),
    "the NetworkPolicy is edited": patch_all(
        "networkpolicies", {"spec": {"egress": [{}], "ingress": [{}]}}
    ),
    "the status is edited": edit_status,
}


# With others beside them, an environment may be a direct pod, and there is no Deployment to change.
NEED_A_DEPLOYMENT = [name for name in DEEDS if "Deployment" in name]


def has_deployment(functions: Functions, arn: str) -> bool:
    """Whether there is one; if not, the direct pods go, and another environment is asked for.

    When the tests before have used up the pace of Deployments even a single environment is direct.
    """
    if names(functions, "deployments"):
        return True
    kubectl(functions, "delete", "pods", "--all")
    functions.invoke(arn, {})
    time.sleep(1)
    return False


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(deed, marks=pytest.mark.alone) if deed in NEED_A_DEPLOYMENT else deed
        for deed in DEEDS
    ],
)
def test_f33_what_hands_change_is_put_right_and_a_busy_environment_is_undisturbed(
    functions: Functions, wait_until: Callable[..., Any], deed: str
) -> None:
    arn = functions.apply(build_function(NAME, FAULTS, timeout=30))
    functions.invoke(arn, {})
    wait_until(lambda: functions.runs(NAME), "the first invocation is in the log")
    if deed in NEED_A_DEPLOYMENT:
        wait_until(lambda: has_deployment(functions, arn), "its pod has a Deployment", 60)
    runs = len(functions.runs(NAME))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(functions.invoke, arn, {"seconds": BUSY_S})
        wait_until(lambda: len(functions.runs(NAME)) > runs, "another invocation runs")
        restored = DEEDS[deed](functions)
        payload, answer = running.result()
    assert payload == "done"
    assert "FunctionError" not in answer
    assert functions.invoke(arn, {})[0] == "done"
    wait_until(restored, f"{deed}: put right", 60)


@pytest.mark.timeout(300)
def test_f33_a_function_whose_secret_and_pods_are_gone_is_not_dead(
    functions: Functions, wait_until: Callable[..., Any]
) -> None:
    """No new pod starts without its key: it is made again when one is wanted, and serves."""
    arn = functions.apply(build_function(NAME, FAULTS, timeout=30))
    functions.invoke(arn, {})
    before = names(functions, "secrets")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(functions.invoke, arn, {"seconds": BUSY_S})
        wait_until(lambda: len(functions.runs(NAME)) == 2, "the second invocation runs")
        kubectl(functions, "delete", "secrets", *before)
        assert running.result()[0] == "done"
    kubectl(functions, "delete", "pods", "--all")
    assert functions.invoke(arn, {})[0] == "done"
    assert names(functions, "secrets") >= before


@pytest.mark.timeout(300)
def test_f33_a_function_deleted_and_made_again_at_once_serves_and_its_past_finishes(
    functions: Functions, wait_until: Callable[..., Any]
) -> None:
    """kubectl replace --force: another object of that name; what ran for the first ends well."""
    arn = functions.apply(build_function(NAME, FAULTS, timeout=30))
    functions.invoke(arn, {})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(functions.invoke, arn, {"seconds": BUSY_S})
        wait_until(lambda: len(functions.runs(NAME)) == 2, "the second invocation runs")
        kubectl(functions, "delete", "lfn", NAME)
        assert functions.apply(build_function(NAME, FAULTS, timeout=29)) == arn
        assert functions.invoke(arn, {})[0] == "done"
        payload, answer = running.result()
    assert payload == "done"
    assert "FunctionError" not in answer


@pytest.mark.timeout(300)
def test_f33_a_runtime_removed_under_a_function_is_named_and_what_runs_finishes(
    functions: Functions, kubectl: Kubectl, wait_until: Callable[..., Any]
) -> None:
    """Only its installer can put that right; until then condition and answers name the cause."""
    runtime = f"{functions.namespace}.x"
    spec = kubectl.json("get", "lrt", "python3.13")["spec"]
    made = {"apiVersion": "kubelambda.io/v1alpha1", "kind": "LambdaRuntime"}
    installed = {**made, "metadata": {"name": runtime}, "spec": spec}
    kubectl.apply(installed)
    arn = functions.apply(build_function(NAME, FAULTS, timeout=30, runtime=runtime))
    functions.invoke(arn, {})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(functions.invoke, arn, {"seconds": BUSY_S})
        wait_until(lambda: len(functions.runs(NAME)) == 2, "the second invocation runs")
        kubectl.run("delete", "lrt", runtime)
        payload, answer = running.result()
    assert payload == "done"
    assert "FunctionError" not in answer

    def reasons() -> set[str]:
        found = kubectl.json("-n", functions.namespace, "get", "lfn", NAME)
        return {condition["reason"] for condition in found["status"]["conditions"]}

    wait_until(lambda: "RuntimeNotFound" in reasons(), "the condition says so")
    kubectl.apply(installed)
    try:
        wait_until(lambda: "RuntimeNotFound" not in reasons(), "it is well again by itself")
        assert functions.invoke(arn, {})[0] == "done"
    finally:
        kubectl.run("delete", "lrt", runtime)
