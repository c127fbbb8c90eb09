"""Packages that are named before they are uploaded, on the cluster."""

import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.functions import Functions, build_function
from e2e.kubectl import Kubectl
from kubelambda.cli.package_upload import upload
from kubelambda.core.packages.code_zip import build_inline_zip

SAY = "def handler(event, context):\n    return '{word}'\n"


def build_package(word: str, file: str = "app.py") -> tuple[str, bytes]:
    """The package of a function that says ``word``, and its name; another one in each run."""
    content = build_inline_zip({file: SAY.format(word=word), "run.txt": str(time.time_ns())})
    return hashlib.sha256(content).hexdigest(), content


@pytest.mark.timeout(300)
def test_a_package_that_comes_late_is_waited_for_and_the_former_version_serves_meanwhile(
    functions: Functions,
    kubectl: Kubectl,
    gateway_url: str,
    wait_until: Callable[..., Any],
) -> None:
    """Ready within seconds after the upload, without an edit."""
    scope = ("-n", functions.namespace)
    (first, one), (second, two) = build_package("one"), build_package("two")
    manifest = build_function("say", code={"package": first})

    def read_ready() -> dict[str, Any]:
        found = kubectl.json(*scope, "get", "lfn", "say")
        status = found.get("status", {})
        if status.get("observedGeneration") != found["metadata"]["generation"]:
            return {}
        return next(condition for condition in status["conditions"] if condition["type"] == "Ready")

    def has_reason(reason: str) -> bool:
        return read_ready().get("reason") == reason

    kubectl.apply(manifest, namespace=functions.namespace)
    wait_until(lambda: has_reason("PackageNotFound"), "the missing package is said", 15)
    assert first in read_ready()["message"]
    assert "kubelambda package push DIR" in read_ready()["message"]
    assert kubectl.items("deployment", functions.namespace) == [], "nothing is made for it"
    arn = kubectl.json(*scope, "get", "lfn", "say")["status"]["functionArn"]

    def is_refused() -> bool:
        try:
            functions.invoke(arn, {})
        except ClientError as error:
            return "PackageNotFound" in str(error) and "ResourceNotReadyException" in str(error)
        return False

    wait_until(is_refused, "an invocation is told why", 10)
    upload(gateway_url, one)
    wait_until(lambda: has_reason("Ready"), "the upload makes it ready", 10)
    wait_until(lambda: not is_refused(), "the gateways hear of it", 10)
    assert functions.invoke(functions.apply(manifest), {})[0] == "one"

    manifest["spec"]["code"] = {"package": second}
    kubectl.apply(manifest, namespace=functions.namespace)
    wait_until(lambda: has_reason("PackageNotFound"), "the missing update is said", 15)
    for _ in range(20):
        assert functions.invoke(arn, {})[0] == "one"
    upload(gateway_url, two)
    wait_until(lambda: functions.invoke(arn, {})[0] == "two", "the update serves", 60)


@pytest.mark.timeout(300)
def test_a_layer_whose_package_comes_late_says_so_and_so_does_its_function(
    functions: Functions,
    kubectl: Kubectl,
    gateway_url: str,
    wait_until: Callable[..., Any],
) -> None:
    name, content = build_package("late", "python/late.py")
    layer = {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaLayer",
        "metadata": {"name": "late-1"},
        "spec": {"version": 1, "content": {"package": name}},
    }
    source = "from late import handler\n"
    manifest = build_function("user", source, layers=[{"name": "late", "version": 1}])
    kubectl.apply(layer, manifest, namespace=functions.namespace)

    def read_message(kind: str, name: str, reason: str) -> str:
        """Of the Ready condition, while it has this reason."""
        status = kubectl.json("-n", functions.namespace, "get", kind, name).get("status", {})
        found = [
            condition for condition in status.get("conditions", ()) if condition["type"] == "Ready"
        ]
        return str(found[0]["message"]) if found and found[0]["reason"] == reason else ""

    missing = "PackageNotFound"
    said = wait_until(lambda: read_message("lyr", "late-1", missing), "the layer says so", 15)
    assert name in said
    said = wait_until(lambda: read_message("lfn", "user", missing), "the function says so", 15)
    assert name in said
    assert "the layer late:1" in said
    upload(gateway_url, content)
    arn = functions.apply(manifest)
    assert functions.invoke(arn, {})[0] == "late"
    wait_until(lambda: read_message("lyr", "late-1", "Ready"), "the layer is ready", 10)
