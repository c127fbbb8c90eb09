"""What to write so that the objects of a function that can work are as they should be.

Contract: pure. Deployments are made by the scaler, when there is demand or a floor. What exists is
kept as it should be, whoever has changed it; what pods have lost is made again; pods that nothing
counts are deleted, and so is a Deployment of an older revision once it is empty.
"""

from kubelambda.controller.function.actions import (
    Action,
    CreateKeySecret,
    DeleteDeployment,
    DeletePod,
    RepairDeployment,
    RestoreDeployment,
)
from kubelambda.controller.function.observed import ORPHAN_GRACE_S, Observed, find_orphans
from kubelambda.controller.function.render import Rendered
from kubelambda.controller.records.deployment_record import DeploymentRecord
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.core.manifests.drift import find_drift
from kubelambda.kube.api import Manifest


def plan_objects(record: FunctionRecord, observed: Observed, rendered: Rendered) -> list[Action]:
    """The actions in order; none if everything is as it should be."""
    orphans = [
        pod
        for pod in find_orphans(observed)
        if observed.now_s - observed.orphaned_since.get(pod.uid, observed.now_s) >= ORPHAN_GRACE_S
    ]
    actions = _plan_key_secret(record, observed, rendered)
    ownerless = [pod for pod in orphans if not pod.stray and pod.revision == rendered.revision]
    if ownerless:
        actions.append(RestoreDeployment(rendered.deployment, len(ownerless)))
    for deployment in observed.deployments:
        drift = _find_deployment_drift(deployment, observed, rendered)
        if drift:
            actions.append(RepairDeployment(rendered.deployment, deployment, drift))
    actions += _plan_removals(observed, rendered)
    return actions + [DeletePod(pod) for pod in orphans if pod.stray]


def _plan_key_secret(
    record: FunctionRecord, observed: Observed, rendered: Rendered
) -> list[Action]:
    """Also with each pod that starts: the Secret may have been deleted since the last one did."""
    starting = any(pod.pending and not pod.terminating for pod in observed.pods)
    if starting or record.status.key_secret_name != rendered.key_secret_name:
        return [CreateKeySecret(rendered)]
    return []


def _plan_removals(observed: Observed, rendered: Rendered) -> list[Action]:
    occupied = {pod.revision for pod in observed.pods}
    return [
        DeleteDeployment(deployment)
        for deployment in observed.deployments
        if deployment.revision != rendered.revision
        and deployment.replicas == 0
        and deployment.revision not in occupied
    ]


def _find_deployment_drift(one: DeploymentRecord, observed: Observed, rendered: Rendered) -> str:
    """The first field that is not as it should be, empty if none; the server's defaults are none.

    Only the current revision is repaired.
    """
    is_accepted = observed.accepted_digests.get(one.uid) == one.digest
    if one.revision != rendered.revision or is_accepted:
        return ""
    desired = {key: rendered.deployment[key] for key in ("metadata", "spec")}
    return find_drift(desired, _unpack_with_identity(one)) or next(iter(one.foreign), "")


def _unpack_with_identity(record: DeploymentRecord) -> Manifest:
    observed = record.unpack()
    namespace, name = record.key
    observed["metadata"] |= {"namespace": namespace, "name": name}
    return observed
