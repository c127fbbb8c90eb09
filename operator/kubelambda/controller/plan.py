"""What to write for one function or one namespace: decisions only.

Contract: pure. From what is wanted and what is there to a list of actions; an empty list when they
agree. The same decision serves create, update, resume and repair, and is safe to repeat. Order of
actions matters: what a pod needs exists before the pod's Deployment does; a Deployment is deleted
only when its successor is there and it is empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.layers import describe_missing
from kubelambda.catalog.packages import list_needed_packages
from kubelambda.controller.image_resolver import Refusal, Resolution
from kubelambda.controller.layer_records import Reference, resolve_layers
from kubelambda.controller.package_verdict import Presence, judge_packages
from kubelambda.controller.records import (
    DeploymentRecord,
    FunctionRecord,
    PodRecord,
    PolicyRecord,
    RuntimeRecord,
)
from kubelambda.controller.render import Platform, Rendered, render_function
from kubelambda.controller.status import Outcome
from kubelambda.controller.trouble import judge_pods
from kubelambda.controller.verdict import Verdict
from kubelambda.core.drift import find_drift
from kubelambda.core.function import Layer

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CreateKeySecret:
    """POST the key Secret; one that exists already is the same one."""

    manifest: Manifest = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreateDeployment:
    """POST with replicas 0."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class RepairDeployment:
    """Server-side apply without replicas; ``drift`` is the path that differed."""

    manifest: Manifest
    drift: str


@dataclass(frozen=True, slots=True)
class DeleteDeployment:
    """DELETE an empty Deployment of an older revision."""

    record: DeploymentRecord


Action = CreateKeySecret | CreateDeployment | RepairDeployment | DeleteDeployment


@dataclass(frozen=True, slots=True)
class FunctionPlan:
    """``actions`` in order, then the status that ``outcome`` stands for."""

    outcome: Outcome
    actions: tuple[Action, ...] = ()
    revisit_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is there around one function."""

    runtimes: Mapping[str, RuntimeRecord]
    claimants: Sequence[FunctionRecord]
    """All functions of the namespace with this AWS name, the rightful one first."""
    deployments: Sequence[DeploymentRecord]
    pods: Sequence[PodRecord]
    now_s: float
    code_version: str = ""
    """Digest of the code's ConfigMap; empty where there is none, or none is found."""
    image: Resolution | None = None
    """What its registry says of the function's image; None for a function without one."""
    layers: Mapping[Reference, Layer] = field(default_factory=dict)
    """Each layer version that is there, of those that the function names."""
    packages: Mapping[str, Presence] = field(default_factory=dict)
    """Of packages that it needs, those that are not known to be there."""


def plan_function(record: FunctionRecord, world: World, platform: Platform) -> FunctionPlan:
    """What to write for ``record`` now."""
    verdict = judge_function(record, world)
    if verdict.reason is not None:
        return FunctionPlan(Outcome(verdict=verdict, stalled=True))
    layers = resolve_layers(record.layers, world.layers)
    refusal = judge_packages(list_needed_packages(record.package, layers), world.packages)
    if refusal is not None:
        return _plan_refused(refusal)
    if isinstance(world.image, Refusal):
        return _plan_refused(world.image)
    runtime = world.image or world.runtimes[record.runtime]
    version = world.image.digest if world.image else world.code_version
    rendered = render_function(record, runtime, platform, version, layers)
    trouble = judge_pods(
        [pod for pod in world.pods if pod.revision == rendered.revision],
        [one.failure for one in world.deployments if one.revision == rendered.revision],
        world.now_s,
        of_image=world.image is not None,
    )
    outcome = Outcome(
        verdict=trouble.verdict,
        stalled=trouble.verdict.reason is not None,
        revision=rendered.revision,
        key_secret=rendered.key_secret_name,
        runtime_image=runtime.image,
        code_sha256=world.image.code_sha256 if world.image else record.code_sha256 or version,
        image=world.image,
        layers=layers,
    )
    return FunctionPlan(outcome, tuple(_plan_actions(record, world, rendered)), trouble.revisit_s)


def _plan_refused(refusal: Refusal) -> FunctionPlan:
    return FunctionPlan(Outcome(verdict=refusal.verdict, stalled=not refusal.passing))


def judge_function(record: FunctionRecord, world: World) -> Verdict:
    """Why the function cannot work, if so."""
    if record.verdict.reason is not None:
        return record.verdict
    rightful = world.claimants[0] if world.claimants else record
    if rightful.uid != record.uid:
        return Verdict(
            Reason.DUPLICATE_FUNCTION_NAME,
            f"functionName {record.function_name!r} belongs to {rightful.ref.name!r} of this "
            f"namespace; choose another, or delete that one",
        )
    if record.image is None and record.runtime not in world.runtimes:
        known = ", ".join(sorted(world.runtimes)) or "none"
        return Verdict(
            Reason.RUNTIME_NOT_FOUND,
            f"runtime {record.runtime!r} is not installed; known here: {known}",
        )
    if record.config_map and not world.code_version:
        return Verdict(
            Reason.CODE_NOT_FOUND,
            f"the ConfigMap {record.config_map!r} of code.configMapRef does not exist in this "
            "namespace, or is empty; create it with the code's files as its keys",
        )
    layers = resolve_layers(record.layers, world.layers)
    missing = [one.reference for one in layers if not one.digest]
    if missing:
        return Verdict(Reason.LAYER_NOT_FOUND, describe_missing(missing))
    return Verdict()


def _plan_actions(record: FunctionRecord, world: World, rendered: Rendered) -> list[Action]:
    actions: list[Action] = []
    if record.status.get("keySecretName") != rendered.key_secret_name:
        actions.append(CreateKeySecret(rendered.key_secret))
    current = [one for one in world.deployments if one.revision == rendered.revision]
    if not current:
        actions.append(CreateDeployment(rendered.deployment))
        return actions
    drift = find_drift(
        {key: rendered.deployment[key] for key in ("metadata", "spec")},
        _with_identity(current[0]),
    )
    if drift is not None:
        actions.append(RepairDeployment(rendered.deployment, drift))
    occupied = {pod.revision for pod in world.pods}
    actions += [
        DeleteDeployment(one)
        for one in world.deployments
        if one.revision != rendered.revision and one.replicas == 0 and one.revision not in occupied
    ]
    return actions


def _with_identity(record: DeploymentRecord) -> Manifest:
    observed = record.unpack()
    namespace, name = record.key
    observed["metadata"] |= {"namespace": namespace, "name": name}
    return observed


def plan_policy(
    *, desired: Manifest, observed: PolicyRecord | None, has_functions: bool
) -> Manifest | PolicyRecord | None:
    """A manifest to apply, a policy to delete, or None when all is well."""
    if not has_functions:
        return observed
    if observed is None:
        return desired
    unpacked = observed.unpack()
    drifted = find_drift(desired["spec"], unpacked["spec"]) is not None
    return desired if drifted else None
