"""The state of the cluster around one function, as a plan is made from it.

Contract: values and pure functions; ``observer`` collects them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubelambda.controller.diagnosis.start_report import NO_START_PROBLEM, StartReport
from kubelambda.controller.images.image_resolver import Resolution
from kubelambda.controller.packages.package_problem import Presence
from kubelambda.controller.records.deployment_record import DeploymentRecord
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.layer_record import Reference
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.records.runtime_record import RuntimeRecord
from kubelambda.core.model.layer import Layer

ORPHAN_GRACE_S = 5.0
"""How long a pod may be an orphan before something is done: most of them are taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is there around one function at one moment."""

    runtimes: Mapping[str, RuntimeRecord]
    claimants: Sequence[FunctionRecord]
    """All functions of the namespace with this AWS name, the rightful one first."""
    deployments: Sequence[DeploymentRecord]
    pods: Sequence[PodRecord]
    now_s: float
    code_version: str = ""
    """Digest of the code's ConfigMap; empty if there is none, or none is found."""
    image: Resolution | None = None
    """What its registry says of the function's image; None for a function without one."""
    layers: Mapping[Reference, Layer] = field(default_factory=dict)
    """Each layer version that is there, of those that the function names."""
    packages: Mapping[str, Presence] = field(default_factory=dict)
    """Of the packages that it needs, those that are not known to be there."""
    orphaned_since: Mapping[str, float] = field(default_factory=dict)
    """Since when each of ``find_orphans``, by uid, is known to be one."""
    start: StartReport = NO_START_PROBLEM
    """What the scaler has met when it started environments."""
    accepted_digests: Mapping[str, str] = field(default_factory=dict)
    """By uid, the digest with which each Deployment came back when it was last repaired: what still
    differs then is an admission webhook's doing, and is left to it."""


def find_orphans(observed: Observed) -> list[PodRecord]:
    """Pods that nothing counts any more: strays, and those whose Deployment has gone.

    Most of that passes by itself: ReplicaSets take back what has lost its owner, and the garbage
    collector takes what belonged to a Deployment that was deleted. So something is done about an
    orphan only after ORPHAN_GRACE_S.
    """
    revisions = {deployment.revision for deployment in observed.deployments}
    return [
        pod
        for pod in observed.pods
        if not pod.terminating
        and not pod.ended
        and (pod.stray or (not pod.direct and pod.revision not in revisions))
    ]
