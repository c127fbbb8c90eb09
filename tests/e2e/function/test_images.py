"""Image functions on the cluster, from a registry that this process serves to nodes and controller.

The images are those of tests/e2e/images: a runtime loop of its own, the same with an extension, and
the public layout of AWS's base images.
"""

import base64
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.conftest import ROOT
from e2e.functions import Functions
from e2e.kubectl import Kubectl
from oci_registry import OciRegistry, Reply

REPOSITORY = "kubelambda-test"
WaitUntil = Callable[..., Any]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def registry(kubectl: Kubectl) -> Iterator[OciRegistry]:
    # `hack/e2e` has built them: this takes longer than a test may on a busy machine.
    subprocess.run([ROOT / "tests" / "e2e" / "images" / "build"], check=True)
    address = subprocess.run(
        [ROOT / "hack" / "test-server", "registry"], check=True, capture_output=True, text=True
    ).stdout.strip()
    host, _, port = address.rpartition(":")
    with OciRegistry(host, int(port)) as one:
        for layout in (ROOT / ".cluster" / "test-images").iterdir():
            one.load(REPOSITORY, layout)
        yield one


def build(name: str, uri: str, **spec: Any) -> dict[str, Any]:
    """An image function."""
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaFunction",
        "metadata": {"name": name},
        "spec": {
            "packageType": "Image",
            "code": {"imageURI": uri},
            "memorySize": 256,
            "timeout": 10,
            **spec,
        },
    }


@pytest.fixture
def apply(registry: OciRegistry, functions: Functions) -> Callable[..., str]:
    """Apply a function of one of the images, wait for Ready, return its ARN."""

    def run(tag: str, name: str = "", **spec: Any) -> str:
        return functions.apply(build(name or tag, f"{registry.host}/{REPOSITORY}:{tag}", **spec))

    return run


def status_of(functions: Functions, name: str) -> dict[str, Any]:
    found = functions.kubectl.json("-n", functions.namespace, "get", "lfn", name)
    return dict(found.get("status") or {})


def condition(functions: Functions, name: str, kind: str) -> tuple[str, str]:
    """Reason and message of a condition that is true; both empty if it is not."""
    for shown in status_of(functions, name).get("conditions", ()):
        if (shown["type"], shown["status"]) == (kind, "True"):
            return shown["reason"], shown["message"]
    return "", ""


def test_an_image_with_a_runtime_of_its_own(
    functions: Functions, registry: OciRegistry, apply: Callable[..., str]
) -> None:
    """(a) ENTRYPOINT, CMD and WORKDIR are the image's, user and mounts are Lambda's."""
    payload, answer = functions.invoke(apply("loop"), {}, LogType="Tail")
    assert "FunctionError" not in answer, payload
    assert payload == {
        "arguments": ["loop.py"],
        "cwd": "/srv",
        "handler": "python3",
        "execution": "AWS_Lambda_Image",
        "user": [993, 990],
        "task": ["marker"],
        "secrets": [],
    }
    (pod,) = functions.pods("loop")
    status = status_of(functions, "loop")
    assert pod["spec"]["containers"][0]["image"] == status["resolvedImageUri"]
    assert status["resolvedImageUri"].startswith(f"{registry.host}/{REPOSITORY}@sha256:")
    assert status["codeSha256"] == status["resolvedImageUri"].rpartition(":")[2]
    assert status["imageConfig"]["command"] == ["python3", "loop.py"]


def test_the_cpu_of_an_image_function_is_lowered_after_init(
    functions: Functions, apply: Callable[..., str], wait_until: WaitUntil
) -> None:
    functions.invoke(apply("loop", "resized"), {})

    def limit() -> str:
        (pod,) = functions.pods("resized")
        return str(pod["spec"]["containers"][0]["resources"]["limits"]["cpu"])

    wait_until(lambda: limit() == "145m", "the share of 256 MB", timeout_s=20)


def test_the_layout_of_aws_base_images_works_as_it_is(
    functions: Functions, apply: Callable[..., str]
) -> None:
    """(b) /lambda-entrypoint.sh finds AWS_LAMBDA_RUNTIME_API and its one argument."""
    payload, answer = functions.invoke(apply("aws"), {"n": 1})
    assert "FunctionError" not in answer, payload
    assert payload == {
        "event": {"n": 1},
        "handler": "app.handler",
        "execution": "AWS_Lambda_Image",
        "taskRoot": "/var/task",
        "cwd": "/var/task",
        "python": "/var/lang/bin/python3",
        "memory": "256",
    }


def test_image_config_replaces_command_and_working_directory(
    functions: Functions, apply: Callable[..., str]
) -> None:
    """(c) An empty list means the image's own entry point."""
    config = {"entryPoint": [], "command": ["app.other"], "workingDirectory": "/tmp"}
    payload, _ = functions.invoke(apply("aws", "replaced", imageConfig=config), {})
    assert payload == {"other": "app.other", "cwd": "/tmp"}


FAILURES = [
    ("no such file", {"entryPoint": ["/no/such"]}, "fork/exec /no/such: no such file or directory"),
    (
        "another machine's",
        {"entryPoint": ["/srv/foreign"]},
        "fork/exec /srv/foreign: exec format error",
    ),
    ("no program", {"entryPoint": ["/etc/passwd"]}, "fork/exec /etc/passwd: permission denied"),
    ("no directory", {"workingDirectory": "/none"}, "chdir /none: no such file or directory"),
]


@pytest.mark.parametrize(
    ("config", "message"), [c[1:] for c in FAILURES], ids=[c[0] for c in FAILURES]
)
def test_what_cannot_be_started_says_why(
    functions: Functions, apply: Callable[..., str], config: dict[str, Any], message: str
) -> None:
    """(d) In AWS's words (spec 2.5)."""
    payload, answer = functions.invoke(apply("loop", "broken", imageConfig=config), {})
    request_id = answer["ResponseMetadata"]["RequestId"]
    kind = "InvalidWorkingDir" if "chdir" in message else "InvalidEntrypoint"
    assert answer["FunctionError"] == "Unhandled"
    assert payload == {
        "errorType": f"Runtime.{kind}",
        "errorMessage": f"RequestId: {request_id} Error: {message}",
    }


def test_an_unknown_tag_is_said_on_the_object_and_to_the_caller(
    functions: Functions, registry: OciRegistry, wait_until: WaitUntil
) -> None:
    """(e)"""
    uri = f"{registry.host}/{REPOSITORY}:unknown"
    functions.kubectl.apply(build("unknown", uri), namespace=functions.namespace)
    reason, message = wait_until(
        lambda: (found := condition(functions, "unknown", "Stalled"))[0] and found, "a verdict"
    )
    assert (reason, message) == (
        "ImageNotFound",
        f"{uri} is not in the registry; push it, or correct code.imageURI",
    )
    with pytest.raises(ClientError) as refused:
        functions.invoke(status_of(functions, "unknown")["functionArn"], {})
    answer: Any = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 502
    assert message in answer["Error"]["Message"]


def test_a_registry_that_is_not_allowed_is_not_asked(
    functions: Functions, registry: OciRegistry, wait_until: WaitUntil
) -> None:
    """(f) Not even the allowed machine on another port."""
    uri = f"{registry.host.partition(':')[0]}:5001/{REPOSITORY}:loop"
    functions.kubectl.apply(build("elsewhere", uri), namespace=functions.namespace)
    reason, message = wait_until(
        lambda: (found := condition(functions, "elsewhere", "Stalled"))[0] and found, "a verdict"
    )
    assert reason == "RegistryNotAllowed"
    assert "functions.allowedRegistries" in message


def test_a_registry_in_trouble_is_asked_again(
    functions: Functions, registry: OciRegistry, wait_until: WaitUntil
) -> None:
    registry.answer_first = lambda _path, _headers: Reply(503)
    try:
        manifest = build("patient", f"{registry.host}/{REPOSITORY}:loop")
        functions.kubectl.apply(manifest, namespace=functions.namespace)
        wait_until(
            lambda: condition(functions, "patient", "Reconciling")[0] == "RegistryUnavailable",
            "the trouble is said",
        )
    finally:
        registry.answer_first = None
    functions.apply(manifest)


def test_running_out_of_memory_answers_as_anywhere(
    functions: Functions, apply: Callable[..., str]
) -> None:
    """(g) F9: the same payload for images, and the next invocation works."""
    arn = apply("loop", "hungry", timeout=30)
    payload, answer = functions.invoke(arn, {"allocate": 512 * 1024 * 1024})
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert payload == {
        "errorType": "Runtime.ExitError",
        "errorMessage": (
            f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
        ),
    }
    assert functions.invoke(arn, {})[0]["cwd"] == "/srv"


def test_extensions_of_the_image_are_started(
    functions: Functions, apply: Callable[..., str], wait_until: WaitUntil
) -> None:
    """(h) What is in the image's own /opt/extensions."""
    arn = apply("extension")
    _, first = functions.invoke(arn, {})
    line = f"INVOKE {first['ResponseMetadata']['RequestId']}\n"
    wait_until(
        lambda: line in str(functions.invoke(arn, {"read": "/tmp/recorded"})[0]), "it is heard"
    )


def test_a_push_changes_nothing_until_the_function_is_updated(
    functions: Functions, registry: OciRegistry, apply: Callable[..., str], wait_until: WaitUntil
) -> None:
    first = registry.put_image(f"{REPOSITORY}:moving", Cmd=["one"])["digest"]
    apply("moving")
    second = registry.put_image(f"{REPOSITORY}:moving", Cmd=["two"])["digest"]
    functions.kubectl.run("-n", functions.namespace, "label", "lfn/moving", "touched=yes")

    def resolved() -> str:
        return str(status_of(functions, "moving")["resolvedImageUri"])

    assert resolved().endswith(first)
    asked = len(registry.requests)
    apply("moving", description="updated")
    wait_until(lambda: resolved().endswith(second), "the update asks again")
    assert len(registry.requests) > asked


@pytest.fixture
def pull_secrets(registry: OciRegistry) -> Iterator[str]:
    """The name of the Secrets that the installation lets nodes pull with, for this test."""
    install = ROOT / "hack" / "install"
    subprocess.run(
        [install, "--set", "functions.imagePullSecrets={pull}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    yield "pull"
    registry.answer_first = None
    subprocess.run([install], check=True, stdout=subprocess.DEVNULL)


def build_pull_secret(name: str, host: str, authorization: str) -> dict[str, Any]:
    config = json.dumps({"auths": {host: {"auth": authorization}}})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": name},
        "data": {".dockerconfigjson": base64.b64encode(config.encode()).decode()},
    }


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_a_private_image_is_pulled_with_the_namespaces_secret(
    functions: Functions, registry: OciRegistry, pull_secrets: str, wait_until: WaitUntil
) -> None:
    """The controller sees neither the Secret nor the image, so the spec says what to run."""
    authorization = base64.b64encode(b"user:word").decode()

    def guard(_: str, headers: Mapping[str, str]) -> Reply | None:
        if headers.get("Authorization") == f"Basic {authorization}":
            return None
        return Reply(401, {"WWW-Authenticate": 'Basic realm="private"'})

    for layout in (ROOT / ".cluster" / "test-images").iterdir():
        registry.load("private", layout)
    registry.answer_first = guard
    manifest = build("private", f"{registry.host}/private:loop")
    functions.kubectl.apply(manifest, namespace=functions.namespace)
    wait_until(
        lambda: condition(functions, "private", "Stalled")[0] == "RegistryAccessDenied",
        "the controller is refused",
    )
    secret = build_pull_secret(pull_secrets, registry.host, authorization)
    functions.kubectl.apply(secret, namespace=functions.namespace)
    manifest["spec"]["imageConfig"] = {"entryPoint": ["python3"], "command": ["loop.py"]}
    arn = functions.apply(manifest)
    payload, _ = functions.invoke(arn, {})
    assert (payload["handler"], payload["cwd"]) == ("loop.py", "/srv")
