"""What to write for one function: decisions only.

Contract: pure. From what is wanted and what is there to a list of actions, which is empty when they
agree, and to the status. The same decision serves create, update, resume and repair, and is safe to
repeat. No plan makes a Deployment where there has been none: the scaler does, when there is demand
or a floor, so applying a thousand functions makes none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from kubelambda.controller.diagnosis.pod_advice import CONFIG_ERROR
from kubelambda.controller.diagnosis.pod_problem import diagnose_pods
from kubelambda.controller.function.actions import Action
from kubelambda.controller.function.current_revisions import RenderInputs
from kubelambda.controller.function.function_problem import find_function_problem
from kubelambda.controller.function.function_status import ReconcileOutcome
from kubelambda.controller.function.object_plan import plan_objects
from kubelambda.controller.function.observed import ORPHAN_GRACE_S, Observed, find_orphans
from kubelambda.controller.function.render import Platform, Rendered
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.layer_record import resolve_layers
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.core.images.config import ResolvedImage
from kubelambda.core.model.runtime_support import describe_end


@dataclass(frozen=True, slots=True)
class FunctionPlan:
    """``actions`` in order, then the status that ``outcome`` stands for."""

    outcome: ReconcileOutcome
    actions: tuple[Action, ...] = ()
    revisit_s: float | None = None
    inputs: RenderInputs | None = None
    """What the objects of a function that can work are rendered from; else None."""


def plan_function(record: FunctionRecord, observed: Observed, platform: Platform) -> FunctionPlan:
    """What to write for ``record`` now."""
    layers = resolve_layers(record.layers, observed.layers)
    problem = find_function_problem(record, observed, layers)
    if problem is not None:
        return FunctionPlan(ReconcileOutcome(problem=problem))
    image = observed.image if isinstance(observed.image, ResolvedImage) else None
    runtime = image or observed.runtimes[record.runtime]
    version = image.digest if image else observed.code_version
    inputs = RenderInputs(record, runtime, version, layers)
    rendered = inputs.render(platform)
    diagnosis = diagnose_pods(
        _select_pods_to_diagnose(observed.pods, rendered),
        [
            deployment.failure
            for deployment in observed.deployments
            if deployment.revision == rendered.revision
        ],
        observed.now_s,
        of_image=image is not None,
        start=observed.start.of(rendered.revision),
    )
    outcome = ReconcileOutcome(
        problem=diagnosis.problem,
        note=diagnosis.note,
        revision=rendered.revision,
        key_secret=rendered.key_secret_name,
        runtime_image=runtime.image,
        code_sha256=image.code_sha256 if image else record.code_sha256 or version,
        image=image,
        end_of_support="" if image else _describe_end(record.runtime, observed),
        layers=layers,
    )
    actions = tuple(plan_objects(record, observed, rendered))
    return FunctionPlan(outcome, actions, _find_revisit(observed, diagnosis.revisit_s), inputs)


def _describe_end(runtime: str, observed: Observed) -> str:
    today = datetime.fromtimestamp(observed.now_s, UTC).date()
    return describe_end(runtime, observed.runtimes[runtime].end_of_support, today)


def _find_revisit(observed: Observed, diagnosis_s: float | None) -> float | None:
    """Seconds until something that is too recent to act upon will not be so any more."""
    now_s = observed.now_s
    due = [
        observed.orphaned_since.get(pod.uid, now_s) + ORPHAN_GRACE_S
        for pod in find_orphans(observed)
    ]
    waits = [moment - now_s + 0.1 for moment in due if moment > now_s]
    return min([*waits, *([diagnosis_s] if diagnosis_s is not None else [])], default=None)


def _select_pods_to_diagnose(pods: Sequence[PodRecord], rendered: Rendered) -> list[PodRecord]:
    """The pods that tell why the function does not start.

    A missing key Secret does not count: the controller makes it again; the spec is not to blame.
    """
    current = [pod for pod in pods if pod.revision == rendered.revision and not pod.stray]
    return [
        replace(pod, start_error=("", ""), pending=True) if _lacks_key(pod, rendered) else pod
        for pod in current
    ]


def _lacks_key(pod: PodRecord, rendered: Rendered) -> bool:
    reason, message = pod.start_error
    return reason == CONFIG_ERROR and f'"{rendered.key_secret_name}"' in message
