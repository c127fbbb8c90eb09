"""Manifests as the API server sends them, for the controller's tests."""

from dataclasses import replace
from typing import Any

from kubelambda.config import ControllerSettings
from kubelambda.controller.function.observed import Observed
from kubelambda.controller.function.plan import FunctionPlan
from kubelambda.controller.function.render import Platform, render_function
from kubelambda.controller.images.image_resolver import Resolution
from kubelambda.controller.records.deployment_record import DeploymentRecord, read_deployment
from kubelambda.controller.records.function_record import FunctionRecord, read_function
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.records.runtime_record import RuntimeRecord
from kubelambda.core.images.config import ImageConfig, ResolvedImage

PLATFORM = Platform(ControllerSettings(), bytes(range(32)))
RUNTIME = RuntimeRecord(
    "python3.13", "1", "registry.example/python:3.13", ("/var/runtime/bootstrap",)
)
IMAGE = ResolvedImage(
    "registry.example/app@sha256:" + "0a" * 32,
    ImageConfig(("/lambda-entrypoint.sh",), ("app.handler",), "/var/task"),
)
NOW_S = 1_800_000_000.0
NOW = "2027-01-15T08:00:00Z"


def make_function(
    name: str = "hello",
    *,
    uid: str = "uid-1",
    created: str = "2027-01-01T00:00:00Z",
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    manifest = {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaFunction",
        "metadata": {
            "name": name,
            "namespace": "apps",
            "uid": uid,
            "generation": 1,
            "resourceVersion": "7",
            "creationTimestamp": created,
        },
        "spec": {
            "runtime": "python3.13",
            "handler": "app.handler",
            "code": {"inline": {"app.py": "TOP-SECRET-CODE"}},
            **spec,
        },
    }
    return manifest if status is None else {**manifest, "status": status}


def make_image_function(**more: Any) -> dict[str, Any]:
    manifest = make_function(**more)
    manifest["spec"].pop("runtime")
    manifest["spec"].pop("handler")
    manifest["spec"] |= {"packageType": "Image", "code": {"imageURI": "registry.example/app:1"}}
    return manifest


def observe_image(record: FunctionRecord, image: Resolution = IMAGE) -> Observed:
    return replace(observe(record), image=image)


def read(**more: Any) -> FunctionRecord:
    return read_function(make_function(**more))


def observed_deployment(
    record: FunctionRecord, *, replicas: int = 0, version: str = "9"
) -> dict[str, Any]:
    """What the API server holds after the controller's POST."""
    manifest = render_function(record, RUNTIME, PLATFORM).deployment
    metadata = {**manifest["metadata"], "uid": "uid-d", "resourceVersion": version}
    return {**manifest, "metadata": metadata, "spec": {**manifest["spec"], "replicas": replicas}}


def deployment_record(record: FunctionRecord, **more: Any) -> DeploymentRecord:
    return read_deployment(observed_deployment(record, **more))


def make_pod(**more: Any) -> PodRecord:
    values: dict[str, Any] = {
        "key": ("apps", "pod-1"),
        "uid": "uid-p",
        "version": "11",
        "created": "2027-01-01T00:00:00Z",
        "function_uid": "uid-1",
        "revision": "r",
        "config_digest": "d",
        "pending": False,
        "ended": "",
        "terminating": False,
        "restarts": 0,
        "victim": False,
        "cpu_limit_millis": 1000,
        "start_error": ("", ""),
    }
    return PodRecord(**{**values, **more})


def observe(
    *claimants: FunctionRecord,
    deployments: tuple[DeploymentRecord, ...] = (),
    pods: tuple[PodRecord, ...] = (),
    runtimes: dict[str, RuntimeRecord] | None = None,
) -> Observed:
    return Observed(
        runtimes={RUNTIME.name: RUNTIME} if runtimes is None else runtimes,
        claimants=claimants,
        deployments=deployments,
        pods=pods,
        now_s=NOW_S,
    )


def kinds(plan: FunctionPlan) -> list[str]:
    return [type(action).__name__ for action in plan.actions]
