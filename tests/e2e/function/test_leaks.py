"""F22 on the cluster: values, code and payloads stand in nothing that our processes write.

A function's own spec holds its variables and inline code: whoever may read the object sees them.
"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.functions import Functions, build_function
from e2e.kubectl import Kubectl
from leak_markers import (
    ACTS,
    CODE,
    PAYLOAD,
    REFERENCE,
    RESULT,
    SECRET,
    SOURCE,
    VARIABLE,
    find_marked_lines,
)

RELEASE = "kubelambda"
METRICS_PORT = 9002
IN_SPEC = (VARIABLE, CODE, RESULT)
NOWHERE = (SECRET, base64.b64encode(SECRET.encode()).decode(), PAYLOAD)
MADE_BY_US = "deployments,replicasets,pods,networkpolicies,services,configmaps,events"


def build_quiet(name: str = "quiet", **spec: Any) -> dict[str, Any]:
    environment = {"variables": {"TOKEN": VARIABLE}, "valuesFrom": [REFERENCE]}
    return build_function(name, SOURCE, environment=environment, timeout=2, **spec)


def exercise(functions: Functions, arn: str) -> None:
    """Every way in which an event ends, and one that is no JSON."""
    assert functions.invoke(arn, {"text": PAYLOAD})[0] == RESULT + VARIABLE + SECRET
    for act in ACTS:
        _, answer = functions.invoke(arn, {"act": act, "text": PAYLOAD})
        assert answer["FunctionError"] == "Unhandled"
    with pytest.raises(ClientError):
        functions.client.invoke(FunctionName=arn, Payload=f'{{"text": "{PAYLOAD}'.encode())
    event = json.dumps({"text": PAYLOAD}).encode()
    functions.client.invoke(FunctionName=arn, InvocationType="Event", Payload=event)


def read_objects(kubectl: Kubectl, namespace: str) -> Iterator[tuple[str, str]]:
    """What we made, as kubectl shows it in JSON and describes it; functions without their spec."""
    scope = ("-n", namespace)
    yield MADE_BY_US, kubectl.text(*scope, "get", MADE_BY_US, "-o", "json")
    yield "describe", kubectl.text(*scope, "describe", "deployments,replicasets,pods")
    for function in kubectl.items("lfn", namespace):
        without_spec = {key: value for key, value in function.items() if key != "spec"}
        yield "lfn", json.dumps(without_spec, indent=1)
    for secret in kubectl.items("secrets", namespace):
        if secret["metadata"]["name"] != "db":
            yield "secret", json.dumps(secret, indent=1)


def read_function_logs(functions: Functions) -> Iterator[tuple[str, str]]:
    """The agent's own lines and those of the runtime's client; the function prints nothing."""
    for pod in functions.pods("quiet"):
        name = pod["metadata"]["name"]
        scope = ("-n", functions.namespace, "logs", name, "--tail=-1")
        yield f"log of {name}", functions.kubectl.run(*scope, check=False).stdout


def read_processes(kubectl: Kubectl) -> Iterator[tuple[str, str]]:
    """Logs and metrics of the release's pods, and its other objects."""
    yield "release", kubectl.text("-n", RELEASE, "get", f"{MADE_BY_US},leases", "-o", "json")
    for pod in kubectl.items("pods", RELEASE):
        name = pod["metadata"]["name"]
        scope = ("-n", RELEASE, "logs", name, "--all-containers", "--tail=-1")
        is_running = pod["status"].get("phase") == "Running"
        yield f"log of {name}", kubectl.run(*scope, check=is_running).stdout
        yield f"former log of {name}", kubectl.run(*scope, "--previous", check=False).stdout
        ports = [
            port for container in pod["spec"]["containers"] for port in container.get("ports", ())
        ]
        if any(port["containerPort"] == METRICS_PORT for port in ports):
            path = f"/api/v1/namespaces/{RELEASE}/pods/{name}:{METRICS_PORT}/proxy/metrics"
            yield f"metrics of {name}", kubectl.text("get", "--raw", path)


@pytest.mark.timeout(240)
def test_f22_nothing_that_we_write_holds_a_value_code_or_a_payload(
    functions: Functions, kubectl: Kubectl, wait_until: Callable[..., Any]
) -> None:
    namespace = functions.namespace
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db"},
        "stringData": {"password": SECRET},
    }
    kubectl.apply(secret, namespace=namespace)
    kubectl.apply(build_quiet("stalled", runtime="python3.8"), namespace=namespace)
    arn = functions.apply(build_quiet())
    exercise(functions, arn)
    wait_until(lambda: len(functions.runs("quiet")) >= 5, "the event is run", timeout_s=60)
    texts = list(read_function_logs(functions))
    functions.apply(build_quiet(memorySize=256))
    functions.invoke(arn, {"text": PAYLOAD})
    texts += [*read_objects(kubectl, namespace), *read_processes(kubectl)]
    leaks = {what: find_marked_lines(text, (*IN_SPEC, *NOWHERE)) for what, text in texts}
    assert {what: lines for what, lines in leaks.items() if lines} == {}
    described = kubectl.text("-n", namespace, "describe", "lfn")
    assert find_marked_lines(described, NOWHERE) == []

    names = {what for what, text in texts if text}
    for component in ("controller", "gateway", "dispatcher"):
        assert any(name.startswith(f"metrics of {RELEASE}-{component}") for name in names)
    assert any(name.startswith("log of quiet") for name in names)
