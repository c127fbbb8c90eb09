"""What to write for one function or one namespace: decisions only.

Contract: pure. From what is wanted and what is there to a list of actions; an empty list when they
agree. The same decision serves create, update, resume and repair, and is safe to repeat.
Deployments are made by the scaler, when there is demand or a floor: applying a thousand functions
makes none. What exists is kept as it should be, whoever changed it, and what was lost is taken back
or goes; a Deployment of an older revision goes when it is empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.layers import describe_missing
from kubelambda.catalog.packages import list_needed_packages
from kubelambda.controller.cache.kept_records import DeploymentRecord, PolicyRecord
from kubelambda.controller.cache.layer_records import Reference, resolve_layers
from kubelambda.controller.cache.pod_records import PodRecord
from kubelambda.controller.cache.records import FunctionRecord, RuntimeRecord
from kubelambda.controller.function.render import Platform, Rendered
from kubelambda.controller.function.renderings import Ingredients
from kubelambda.controller.function.status import Outcome
from kubelambda.controller.function.trouble import CONFIG_ERROR, judge_pods
from kubelambda.controller.function.verdict import Verdict
from kubelambda.controller.images.image_resolver import Refusal, Resolution
from kubelambda.controller.packages.package_verdict import Presence, judge_packages
from kubelambda.controller.scaling.start_backoff import NO_TROUBLE, StartReport
from kubelambda.core.manifests.drift import find_drift
from kubelambda.core.model.layer import Layer

Manifest = dict[str, Any]

LOST_S = 5.0


@dataclass(frozen=True, slots=True)
class CreateKeySecret:
    """POST the key Secret; one that exists already is the same one."""

    rendered: Rendered = field(repr=False)


@dataclass(frozen=True, slots=True)
class RestoreDeployment:
    """POST the Deployment that pods of the current revision have lost, for as many replicas."""

    manifest: Manifest
    replicas: int


@dataclass(frozen=True, slots=True)
class RepairDeployment:
    """Write the whole spec anew, with the replicas as they are; ``drift`` is what differed."""

    manifest: Manifest
    record: DeploymentRecord
    drift: str


@dataclass(frozen=True, slots=True)
class DeleteDeployment:
    """DELETE an empty Deployment of an older revision."""

    record: DeploymentRecord


@dataclass(frozen=True, slots=True)
class DeletePod:
    """DELETE a pod that nobody counts any more; it finishes what it runs."""

    record: PodRecord


@dataclass(frozen=True, slots=True)
class ApplyPolicy:
    """Server-side apply of a NetworkPolicy that is not there, or no longer bears our label."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class ReplacePolicy:
    """Write the whole spec anew; ``drift`` is what differed."""

    manifest: Manifest
    record: PolicyRecord
    drift: str


@dataclass(frozen=True, slots=True)
class DeletePolicy:
    """DELETE the NetworkPolicy of a namespace without functions."""

    record: PolicyRecord


Action = CreateKeySecret | RestoreDeployment | RepairDeployment | DeleteDeployment | DeletePod


@dataclass(frozen=True, slots=True)
class FunctionPlan:
    """``actions`` in order, then the status that ``outcome`` stands for."""

    outcome: Outcome
    actions: tuple[Action, ...] = ()
    revisit_s: float | None = None
    ingredients: Ingredients | None = None
    """What the objects of a function that can work are rendered from."""


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
    lost_since: Mapping[str, float] = field(default_factory=dict)
    """Since when each of ``find_lost``, by uid, is known to be so."""
    start: StartReport = NO_TROUBLE
    """What the scaler has met when it started environments."""
    settled: Mapping[str, str] = field(default_factory=dict)
    """The digest with which each Deployment came back when it was last repaired, by uid: what still
    differs then is what an admission webhook makes of it."""


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
    ingredients = Ingredients(record, runtime, version, layers)
    rendered = ingredients.render(platform)
    trouble = judge_pods(
        _list_judged(world.pods, rendered),
        [one.failure for one in world.deployments if one.revision == rendered.revision],
        world.now_s,
        of_image=world.image is not None,
        start=world.start.of(rendered.revision),
    )
    outcome = Outcome(
        verdict=trouble.verdict,
        stalled=trouble.verdict.reason is not None,
        note=trouble.note,
        revision=rendered.revision,
        key_secret=rendered.key_secret_name,
        runtime_image=runtime.image,
        code_sha256=world.image.code_sha256 if world.image else record.code_sha256 or version,
        image=world.image,
        layers=layers,
    )
    actions = (*_plan_key_secret(record, world, rendered), *_plan_objects(world, rendered))
    return FunctionPlan(outcome, actions, _find_revisit(world, trouble.revisit_s), ingredients)


def _find_revisit(world: World, trouble_s: float | None) -> float | None:
    """When something that is too young to act upon will not be so any more."""
    young = [world.lost_since.get(pod.uid, world.now_s) + LOST_S for pod in find_lost(world)]
    waits = [moment - world.now_s + 0.1 for moment in young if moment > world.now_s]
    return min([*waits, *([trouble_s] if trouble_s is not None else [])], default=None)


def _list_judged(pods: Sequence[PodRecord], rendered: Rendered) -> list[PodRecord]:
    """The pods that tell why the function does not start.

    A missing key Secret does not count: the controller makes it again; the spec is not to blame.
    """
    judged = [pod for pod in pods if pod.revision == rendered.revision and not pod.stray]
    return [
        replace(pod, trouble=("", ""), pending=True) if _misses_key(pod, rendered) else pod
        for pod in judged
    ]


def _misses_key(pod: PodRecord, rendered: Rendered) -> bool:
    reason, message = pod.trouble
    return reason == CONFIG_ERROR and f'"{rendered.key_secret_name}"' in message


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


def _plan_key_secret(
    record: FunctionRecord, world: World, rendered: Rendered
) -> list[CreateKeySecret]:
    """Also with each pod that starts: the Secret may have been deleted since the last one did."""
    starting = [pod for pod in world.pods if pod.pending and not pod.terminating]
    if starting or record.status.get("keySecretName") != rendered.key_secret_name:
        return [CreateKeySecret(rendered)]
    return []


def _plan_objects(world: World, rendered: Rendered) -> list[Action]:
    actions: list[Action] = []
    lost = [
        pod
        for pod in find_lost(world)
        if world.now_s - world.lost_since.get(pod.uid, world.now_s) >= LOST_S
    ]
    ownerless = [pod for pod in lost if not pod.stray and pod.revision == rendered.revision]
    if ownerless:
        actions.append(RestoreDeployment(rendered.deployment, len(ownerless)))
    for one in world.deployments:
        drift = _find_deployment_drift(one, world, rendered)
        if drift:
            actions.append(RepairDeployment(rendered.deployment, one, drift))
    occupied = {pod.revision for pod in world.pods}
    actions += [
        DeleteDeployment(one)
        for one in world.deployments
        if one.revision != rendered.revision and one.replicas == 0 and one.revision not in occupied
    ]
    return actions + [DeletePod(pod) for pod in lost if pod.stray]


def find_lost(world: World) -> list[PodRecord]:
    """Pods that nobody counts any more: strays, and those whose Deployment has gone.

    Most of that passes by itself: ReplicaSets take back what has lost its owner, and the garbage
    collector takes what belonged to a Deployment that was deleted. So it counts after LOST_S only.
    """
    revisions = {one.revision for one in world.deployments}
    return [
        pod
        for pod in world.pods
        if not pod.terminating
        and not pod.ended
        and (pod.stray or (not pod.direct and pod.revision not in revisions))
    ]


def _find_deployment_drift(one: DeploymentRecord, world: World, rendered: Rendered) -> str:
    """The first field that is not as it should be; what the API server has added is none."""
    if one.revision != rendered.revision or world.settled.get(one.uid) == one.digest:
        return ""
    desired = {key: rendered.deployment[key] for key in ("metadata", "spec")}
    return find_drift(desired, _with_identity(one)) or next(iter(one.foreign), "")


def _with_identity(record: DeploymentRecord) -> Manifest:
    observed = record.unpack()
    namespace, name = record.key
    observed["metadata"] |= {"namespace": namespace, "name": name}
    return observed


def plan_policy(
    *, desired: Manifest, observed: PolicyRecord | None, has_functions: bool, settled: str = ""
) -> ApplyPolicy | ReplacePolicy | DeletePolicy | None:
    """What to do about a namespace's policy; None when all is well.

    ``settled`` is the digest with which it came back when it was last written.
    """
    if not has_functions:
        return DeletePolicy(observed) if observed is not None else None
    if observed is None:
        return ApplyPolicy(desired)
    if observed.digest == settled:
        return None
    kept = {"metadata": {"labels": desired["metadata"]["labels"]}, "spec": desired["spec"]}
    drift = find_drift(kept, observed.unpack()) or next(iter(observed.foreign), "")
    return ReplacePolicy(desired, observed, drift) if drift else None
