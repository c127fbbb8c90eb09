"""The writes that a plan for one function consists of, the status aside.

Contract: values. ``lambda_function`` carries them out.
"""

from dataclasses import dataclass, field

from kubelambda.controller.function.render import Rendered
from kubelambda.controller.records.deployment_record import DeploymentRecord
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.kube.api import Manifest


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
    """Rewrite the whole spec, with the replicas as they are; ``drift`` is what differed."""

    manifest: Manifest
    record: DeploymentRecord
    drift: str


@dataclass(frozen=True, slots=True)
class DeleteDeployment:
    """DELETE an empty Deployment of an older revision."""

    record: DeploymentRecord


@dataclass(frozen=True, slots=True)
class DeletePod:
    """DELETE a pod that nothing counts any more; it finishes what it runs."""

    record: PodRecord


Action = CreateKeySecret | RestoreDeployment | RepairDeployment | DeleteDeployment | DeletePod
