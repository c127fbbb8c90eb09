"""Versions and aliases as a user has them: publish, call, move an alias, roll back, delete.

docs/versions.md says the same in words.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from e2e.functions import SEEN_S, Functions, build_function
from e2e.kubectl import Kubectl

SAYS = """
def handler(event, context):
    return {{
        "says": "{word}",
        "version": context.function_version,
        "arn": context.invoked_function_arn,
    }}
"""
OWNED = ("deployments", "secrets", "configmaps", "pods", "lfv", "lfa")
WEIGHED = 200
"""Invocations of a weighted alias: one side of an even split of these is empty by no chance."""


def build_says(word: str, **spec: Any) -> dict[str, Any]:
    return build_function("hello", SAYS.format(word=word), **spec)


def build_version(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaVersion",
        "metadata": {"name": f"hello.{name}"},
        "spec": {"functionName": "hello", **spec},
    }


def build_alias(version: str, weights: dict[str, float] | None = None) -> dict[str, Any]:
    routing = {"routingConfig": {"additionalVersionWeights": weights}} if weights else {}
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaAlias",
        "metadata": {"name": "hello.live"},
        "spec": {"functionName": "hello", "functionVersion": version, **routing},
    }


def apply_ready(functions: Functions, manifest: dict[str, Any]) -> dict[str, Any]:
    """The object, once its status says Ready of just this spec."""
    kubectl, namespace = functions.kubectl, functions.namespace
    kubectl.apply(manifest, namespace=namespace)
    name = f"{manifest['kind'].lower()}/{manifest['metadata']['name']}"
    kubectl.run("-n", namespace, "wait", "--for=condition=Ready", name, "--timeout=90s")
    found: dict[str, Any] = kubectl.json("-n", namespace, "get", name)
    return found


def ask(functions: Functions, arn: str, qualifier: str) -> dict[str, Any]:
    """What ``hello:qualifier`` returns, with the version that AWS's header says."""
    said, answer = invoke(functions, f"{arn}:{qualifier}")
    assert answer["ExecutedVersion"] == said["version"]
    assert said["arn"] == f"{arn}:{qualifier}"
    return dict(said)


def invoke(functions: Functions, arn: str) -> tuple[Any, dict[str, Any]]:
    """As ``Functions.invoke``; a gateway's watch may be a moment behind kubectl's."""
    known = functions.client.exceptions
    end = time.monotonic() + SEEN_S
    while True:
        try:
            return functions.invoke(arn, {})
        except (known.ResourceNotFoundException, known.ResourceNotReadyException):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@pytest.mark.timeout(300)
def test_published_moved_rolled_back(
    functions: Functions, kubectl: Kubectl, wait_until: Callable[..., Any]
) -> None:
    arn = functions.apply(build_says("one"))
    first = apply_ready(functions, build_version("first"))
    assert first["spec"]["version"] == 1
    assert first["status"]["functionArn"] == f"{arn}:1"
    same = apply_ready(functions, build_version("same"))
    assert same["spec"]["version"] == 1, "nothing has changed"
    alias = apply_ready(functions, build_alias("1"))
    assert alias["status"]["aliasArn"] == f"{arn}:live"

    functions.apply(build_says("two"))
    second = apply_ready(functions, build_version("second", description="the other word"))
    assert second["spec"]["version"] == 2
    assert ask(functions, arn, "1")["says"] == "one"
    assert ask(functions, arn, "2")["says"] == "two"
    wait_until(lambda: ask(functions, arn, "$LATEST")["says"] == "two", "the function has moved")
    assert ask(functions, arn, "live") == {"says": "one", "version": "1", "arn": f"{arn}:live"}

    apply_ready(functions, build_alias("1", {"2": 0.5}))
    wait_until(lambda: ask(functions, arn, "live")["version"] == "2", "weights count")
    counted = Counter(ask(functions, arn, "live")["version"] for _ in range(WEIGHED))
    assert set(counted) == {"1", "2"}
    apply_ready(functions, build_alias("2"))
    wait_until(
        lambda: {ask(functions, arn, "live")["says"] for _ in range(20)} == {"two"}, "moved", 10
    )
    apply_ready(functions, build_alias("1"))
    wait_until(
        lambda: {ask(functions, arn, "live")["says"] for _ in range(20)} == {"one"}, "back", 10
    )

    rows = kubectl.text("-n", functions.namespace, "get", "lfv").splitlines()
    assert rows[0].split()[:4] == ["NAME", "FUNCTION", "VERSION", "RUNTIME"]
    assert {tuple(row.split()[:3]) for row in rows[1:]} == {
        ("hello.first", "hello", "1"),
        ("hello.same", "hello", "1"),
        ("hello.second", "hello", "2"),
    }
    aliases = kubectl.text("-n", functions.namespace, "get", "lfa").splitlines()
    assert aliases[1].split()[:4] == ["hello.live", "hello", "live", "1"]
    status = kubectl.json("-n", functions.namespace, "get", "lfn", "hello")["status"]
    assert (status["lastVersion"], status["versionCount"]) == (2, 2)

    kubectl.run("-n", functions.namespace, "delete", "lfv", "hello.first", "hello.same")

    def read_reason() -> str:
        found = kubectl.json("-n", functions.namespace, "get", "lfa", "hello.live")
        (ready,) = (one for one in found["status"]["conditions"] if one["type"] == "Ready")
        return str(ready["reason"])

    wait_until(lambda: read_reason() == "VersionNotFound", "the alias says that it is gone")


@pytest.mark.timeout(240)
def test_a_version_keeps_a_config_map_that_the_function_has_lost(
    functions: Functions, kubectl: Kubectl
) -> None:
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"word": "kept"},
    }
    kubectl.apply(settings, namespace=functions.namespace)
    source = "import os\ndef handler(event, context):\n    return os.environ['WORD']\n"
    value = {"name": "WORD", "configMapKeyRef": {"name": "settings", "key": "word"}}
    arn = functions.apply(build_function("hello", source, environment={"valuesFrom": [value]}))
    apply_ready(functions, build_version("kept"))
    kubectl.run("-n", functions.namespace, "delete", "configmap", "settings")
    assert invoke(functions, f"{arn}:1")[0] == "kept"


def test_every_change_is_published_by_itself(
    functions: Functions, kubectl: Kubectl, wait_until: Callable[..., Any]
) -> None:
    def read_numbers() -> dict[str, int]:
        found = kubectl.items("lfv", functions.namespace)
        return {one["metadata"]["name"]: one["spec"].get("version", 0) for one in found}

    functions.apply(build_says("one", publish=True))
    wait_until(lambda: read_numbers() == {"hello.1": 1}, "the first")
    functions.apply(build_says("two", publish=True))
    wait_until(lambda: read_numbers() == {"hello.1": 1, "hello.2": 2}, "the second")
    functions.apply(build_says("two", publish=True, tags={"team": "a"}))
    functions.apply(build_says("three", publish=True))
    wait_until(lambda: read_numbers().get("hello.3") == 3, "tags were no change")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("first", ["lfn", "lfv", "lfa"])
def test_deleted_in_any_order_nothing_is_left(
    functions: Functions, kubectl: Kubectl, wait_until: Callable[..., Any], first: str
) -> None:
    arn = functions.apply(build_says("one"))
    apply_ready(functions, build_version("first"))
    apply_ready(functions, build_alias("1"))
    assert ask(functions, arn, "live")["says"] == "one"
    order = {"lfn": "hello", "lfv": "hello.first", "lfa": "hello.live"}
    for kind in (first, *(kind for kind in ("lfa", "lfv", "lfn") if kind != first)):
        arguments = ("delete", kind, order[kind], "--ignore-not-found")
        kubectl.run("-n", functions.namespace, *arguments)

    def list_left() -> list[str]:
        return [
            f"{kind}/{one['metadata']['name']}"
            for kind in OWNED
            for one in kubectl.items(kind, functions.namespace)
            if one["metadata"]["name"] != "kube-root-ca.crt"
        ]

    wait_until(lambda: list_left() == [], "nothing is left")
