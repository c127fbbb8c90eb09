"""Layers against the API server: who waits, who is woken, what outlives an object."""

from typing import Any

from e2e.controller.objects import conditions, is_settled, make, make_function
from e2e.controller.processes import wait_settled
from e2e.kubectl import Kubectl

NAMED = {"layers": [{"name": "base", "version": 1}]}


def make_layer(name: str, **more: Any) -> dict[str, Any]:
    content = {"inline": {"python/base.py": "x = 1"}}
    return make("LambdaLayer", name, {"version": 1, "content": content, **more})


def ready(kubectl: Kubectl, namespace: str, kind: str, name: str) -> Any:
    """The Ready condition, once the object's status speaks of its spec."""
    found = kubectl.json("get", kind, name, "-n", namespace)
    return conditions(found).get("Ready", {}) if is_settled(found) else {}


def test_a_function_waits_for_its_layer_and_keeps_it_when_the_object_goes(
    kubectl: Kubectl, namespace: str, make_controller: Any, wait_until: Any
) -> None:
    controller = make_controller("one")
    controller.start()
    wait_until(controller.is_ready, "the controller is ready")
    kubectl.apply(make_function("user", **NAMED), make_function("other"), namespace=namespace)

    def reason() -> Any:
        return ready(kubectl, namespace, "lambdafunction", "user").get("reason")

    wait_until(lambda: reason() == "LayerNotFound", "the missing layer is said")
    message = ready(kubectl, namespace, "lambdafunction", "user")["message"]
    assert "base:1" in message
    (secret,) = kubectl.items("secret", namespace)
    assert secret["metadata"]["name"].startswith("other-key-"), "nothing is made for it"

    kubectl.apply(make_layer("base-1"), namespace=namespace)
    wait_until(lambda: reason() == "Ready", "the layer wakes the function", 5)
    status = kubectl.json("get", "lfn", "user", "-n", namespace)["status"]
    layer = kubectl.json("get", "lyr", "base-1", "-n", namespace)["status"]
    assert [layer["codeSha256"] for layer in status["layers"]] == [layer["codeSha256"]]
    assert status["layers"][0]["arn"] == layer["layerVersionArn"]
    assert "base" in kubectl.text("get", "lyr", "-n", namespace)

    counted = wait_settled(controller)
    assert counted["patch lambdalayers/status"] == 1
    kubectl.run("delete", "lyr", "base-1", "-n", namespace)
    assert wait_settled(controller) == counted, "its user stays as it is"
    assert reason() == "Ready"


def test_the_later_object_of_a_version_is_stalled_until_the_first_goes(
    kubectl: Kubectl, namespace: str, make_controller: Any, wait_until: Any
) -> None:
    controller = make_controller("one")
    controller.start()
    kubectl.apply(make_layer("base-1"), namespace=namespace)
    wait_until(lambda: ready(kubectl, namespace, "lyr", "base-1"), "the first is observed")
    kubectl.apply(make_layer("late", layerName="base"), namespace=namespace)

    def reason() -> Any:
        return ready(kubectl, namespace, "lyr", "late").get("reason")

    wait_until(lambda: reason() == "DuplicateLayerVersion", "the later one is stalled")
    kubectl.run("delete", "lyr", "base-1", "-n", namespace)
    wait_until(lambda: reason() == "Ready", "the later one takes its place")
