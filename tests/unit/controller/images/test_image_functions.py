"""Image functions: what is written for them, and what their pods look like."""

import json
from dataclasses import replace
from typing import Any

import pytest

from kubelambda.api.v1alpha1.function import LambdaFunctionStatus
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.diagnosis.pod_problem import diagnose_pods
from kubelambda.controller.function.function_status import build_status
from kubelambda.controller.function.plan import plan_function
from kubelambda.controller.function.render import Platform, render_function
from kubelambda.controller.records.function_record import read_function
from kubelambda.controller.records.pod_record import read_pod
from kubelambda.core.images.config import OWN_DIRECTORY, ImageConfig, ResolvedImage
from kubelambda.core.model.status import read_function_status
from kubelambda.judge.problem import Problem
from unit.controller.builders import (
    IMAGE,
    NOW,
    NOW_S,
    PLATFORM,
    kinds,
    make_image_function,
    make_pod,
    observe,
    observe_image,
    read,
)

RECORD = read_function(make_image_function())


def render(image: ResolvedImage = IMAGE, platform: Platform = PLATFORM) -> dict[str, Any]:
    rendered = render_function(RECORD, image, platform, image.digest)
    spec: dict[str, Any] = rendered.deployment["spec"]["template"]["spec"]
    return spec


SPEC = render()
(CONTAINER,), (INSTALL,) = SPEC["containers"], SPEC["initContainers"]
ENVIRONMENT = {variable["name"]: variable.get("value") for variable in CONTAINER["env"]}


def test_the_pod_names_the_digest_and_runs_our_agent() -> None:
    assert CONTAINER["image"] == IMAGE.image
    assert CONTAINER["command"] == ["/var/run/kubelambda/bin/kubelambda-agent"]
    assert "args" not in CONTAINER
    assert json.loads(ENVIRONMENT["KUBELAMBDA_BOOTSTRAP"] or "") == list(IMAGE.bootstrap)
    assert ENVIRONMENT["KUBELAMBDA_WORKING_DIRECTORY"] == "/var/task"
    assert CONTAINER["workingDir"] == "/"


def test_the_agent_is_copied_by_its_own_image_and_mounted_read_only() -> None:
    assert INSTALL["image"] == "kubelambda/agent:latest"
    assert INSTALL["args"] == ["install", "/var/run/kubelambda/bin"]
    assert "command" not in INSTALL
    mounts = {mount["mountPath"]: mount for mount in CONTAINER["volumeMounts"]}
    assert mounts["/var/run/kubelambda/bin"]["readOnly"] is True


def test_the_images_own_directories_are_not_hidden() -> None:
    mounts = {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert mounts == {"/tmp", "/var/run/kubelambda/bin"}
    assert {volume["name"] for volume in SPEC["volumes"]} == {"tmp", "agent"}


def test_the_pod_is_as_restricted_as_any_whatever_the_images_user() -> None:
    usual = render_function(read(), observe().runtimes["python3.13"], PLATFORM).deployment
    expected = usual["spec"]["template"]["spec"]
    assert SPEC["securityContext"] == expected["securityContext"]
    assert SPEC["automountServiceAccountToken"] is False
    for container in (CONTAINER, INSTALL):
        assert container["securityContext"] == expected["containers"][0]["securityContext"]
        assert container["resources"]["limits"]["memory"]
    assert all("emptyDir" in volume for volume in SPEC["volumes"])


def test_a_dollar_of_a_command_is_a_dollar() -> None:
    """The kubelet would expand $(KUBELAMBDA_POD), and make one of two dollars."""
    words = ("sh", "-c", "echo $$ $(KUBELAMBDA_NAMESPACE) $HOME")
    (container,) = render(ResolvedImage("a", ImageConfig(words, (), "/$x")))["containers"]
    variables = {variable["name"]: variable.get("value") for variable in container["env"]}
    text = variables["KUBELAMBDA_BOOTSTRAP"]
    assert "$" not in text.replace("$$", "")
    assert json.loads(text.replace("$$", "$")) == list(words)
    assert variables["KUBELAMBDA_WORKING_DIRECTORY"] == "/$$x"


def test_pull_secrets_are_named_and_credentials_checked_on_each_start() -> None:
    settings = replace(PLATFORM.settings, image_pull_secrets=("one", "two"))
    spec = render(platform=replace(PLATFORM, settings=settings))
    assert spec["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    assert spec["containers"][0]["imagePullPolicy"] == "Always"
    assert CONTAINER["imagePullPolicy"] == "IfNotPresent"
    assert "imagePullSecrets" not in SPEC


def test_an_image_that_nobody_could_read_starts_in_its_own_directory() -> None:
    config = ImageConfig(("/a",), ("b",), OWN_DIRECTORY)
    (container,) = render(ResolvedImage("r.example/a:1", config))["containers"]
    assert "workingDir" not in container


@pytest.mark.parametrize(
    "other",
    [
        ResolvedImage("registry.example/app@sha256:other", IMAGE.config),
        ResolvedImage(IMAGE.image, replace(IMAGE.config, command=("b.handler",))),
        ResolvedImage(IMAGE.image, replace(IMAGE.config, working_directory="/srv")),
    ],
    ids=["another digest", "another command", "another directory"],
)
def test_what_runs_otherwise_is_another_revision(other: ResolvedImage) -> None:
    first = render_function(RECORD, IMAGE, PLATFORM, IMAGE.digest)
    assert first.revision != render_function(RECORD, other, PLATFORM, other.digest).revision


def test_a_resolved_image_is_written_and_remembered() -> None:
    plan = plan_function(RECORD, observe_image(RECORD), PLATFORM)
    assert kinds(plan) == ["CreateKeySecret"]
    status = build_status(RECORD, plan.outcome, region="us-east-1", now=NOW)
    LambdaFunctionStatus.model_validate(status)
    assert status["resolvedImageUri"] == IMAGE.image
    assert status["codeSha256"] == "0a" * 32
    assert status["imageConfig"] == {
        "entryPoint": ["/lambda-entrypoint.sh"],
        "command": ["app.handler"],
        "workingDirectory": "/var/task",
        "digest": IMAGE.digest,
        "observedGeneration": 1,
    }
    assert read_function(make_image_function(status=status)).resolved_image == IMAGE


@pytest.mark.parametrize(
    "edit",
    [
        {"resolvedImageUri": "elsewhere.example/mine@sha256:" + "0b" * 32},
        {"imageConfig": {"command": ["/bin/sh"]}},
        {"imageConfig": {"digest": "made up"}},
    ],
    ids=["another image", "another command", "another digest"],
)
def test_an_image_that_hands_wrote_into_the_status_is_not_run(edit: dict[str, Any]) -> None:
    """F33: the registry is asked anew instead."""
    outcome = plan_function(RECORD, observe_image(RECORD), PLATFORM).outcome
    status = build_status(RECORD, outcome, region="us-east-1", now=NOW)
    for field, value in edit.items():
        status[field] = status[field] | value if isinstance(value, dict) else value
    assert read_function(make_image_function(status=status)).resolved_image is None


REFUSALS = [
    ("Stalled", False, Reason.REGISTRY_NOT_ALLOWED),
    ("Stalled", False, Reason.IMAGE_NOT_FOUND),
    ("Reconciling", True, Reason.REGISTRY_UNAVAILABLE),
]


@pytest.mark.parametrize(("condition", "transient", "reason"), REFUSALS)
def test_without_an_image_nothing_is_made(condition: str, transient: bool, reason: Reason) -> None:
    refusal = Problem(reason, "because", transient)
    plan = plan_function(RECORD, observe_image(RECORD, refusal), PLATFORM)
    assert plan.actions == ()
    status = build_status(RECORD, plan.outcome, region="us-east-1", now=NOW)
    conditions = {condition["type"]: condition for condition in status["conditions"]}
    assert conditions["Ready"]["status"] == "False"
    assert conditions[condition]["status"] == "True"
    assert (conditions[condition]["reason"], conditions[condition]["message"]) == (
        reason,
        "because",
    )


def test_what_served_before_is_remembered_while_the_registry_is_away() -> None:
    plan = plan_function(RECORD, observe_image(RECORD), PLATFORM)
    status = build_status(RECORD, plan.outcome, region="us-east-1", now=NOW)
    updated = replace(RECORD, status=read_function_status(status), generation=2)
    refusal = Problem(Reason.REGISTRY_UNAVAILABLE, "away", transient=True)
    outcome = plan_function(updated, observe_image(updated, refusal), PLATFORM).outcome
    later = build_status(updated, outcome, region="us-east-1", now=NOW)
    for field in ("resolvedImageUri", "imageConfig", "revision", "codeSha256"):
        assert later[field] == status[field]


def test_a_node_that_cannot_pull_is_told_in_an_image_functions_words() -> None:
    pod = make_pod(pending=True, start_error=("ImagePullBackOff", "x"))
    assert "code.imageURI" in diagnose_pods([pod], [], NOW_S, of_image=True).problem.message
    assert "LambdaRuntime" in diagnose_pods([pod], [], NOW_S).problem.message


def test_an_init_container_that_cannot_start_is_seen() -> None:
    waiting = {"reason": "ErrImagePull", "message": "no agent"}
    manifest = {
        "metadata": {"namespace": "apps", "name": "p", "uid": "u", "resourceVersion": "1"},
        "spec": {"containers": [CONTAINER]},
        "status": {
            "phase": "Pending",
            "initContainerStatuses": [{"state": {"waiting": waiting}}],
            "containerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}],
        },
    }
    assert read_pod(manifest).start_error == ("ErrImagePull", "no agent")
