"""What the controller remembers of each function pod.

Contract: pure; small values instead of whole manifests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubelambda.controller.records.keys import Key
from kubelambda.kube.paths import FUNCTIONS, VERSIONS
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.quantities import parse_cpu_millis

UNSCHEDULABLE = "Unschedulable"
EXIT_MESSAGE_CHARS = 200


@dataclass(frozen=True, slots=True)
class PodRecord:
    """One function pod."""

    key: Key
    uid: str
    version: str
    created: str
    function_uid: str
    revision: str
    config_digest: str
    pending: bool
    ended: str
    """Why the pod has ended for good, such as "Evicted"; empty while it has not."""
    terminating: bool
    restarts: int
    victim: bool
    cpu_limit_millis: int
    start_error: tuple[str, str]
    """Reason and message of the kubelet or the scheduler, why it cannot start; both empty while
    nothing is known to be wrong."""
    direct: bool = False
    """The function itself is its owner, without a Deployment between them."""
    stray: bool = False
    """It has lost its owner or one of our labels, so nothing counts it any more."""
    exit: str = ""
    """How its container ended last, such as "OOMKilled, exit code 137"; empty if it never did."""
    node: str = ""
    """Where it runs, or will; empty until the scheduler has decided."""

    @property
    def is_unschedulable(self) -> bool:
        """Whether the scheduler has found no node for it."""
        return self.pending and self.start_error[0] == UNSCHEDULABLE


def read_pod(manifest: Mapping[str, Any]) -> PodRecord:
    """The record of a function pod."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    own = metadata.get("labels") or {}
    container = _find_container(manifest["spec"])
    statuses = status.get("containerStatuses") or []
    all_statuses = [*(status.get("initContainerStatuses") or []), *statuses]
    environment = {
        variable["name"]: variable.get("value", "") for variable in container.get("env") or ()
    }
    function_uid = environment.get("KUBELAMBDA_FUNCTION_UID") or own.get(labels.FUNCTION_UID, "")
    owner = _find_controller(metadata)
    cpu = ((container.get("resources") or {}).get("limits") or {}).get("cpu", "0")
    return PodRecord(
        key=(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        created=metadata.get("creationTimestamp", ""),
        function_uid=function_uid,
        revision=own.get(labels.REVISION, ""),
        config_digest=environment.get("KUBELAMBDA_CONFIG_DIGEST", ""),
        pending=status.get("phase", "Pending") == "Pending",
        ended=_find_end(status),
        terminating="deletionTimestamp" in metadata,
        restarts=sum(status.get("restartCount", 0) for status in statuses),
        victim=labels.DELETION_COST in (metadata.get("annotations") or {}),
        cpu_limit_millis=parse_cpu_millis(cpu),
        start_error=_find_start_error(status, all_statuses),
        direct=owner in (FUNCTIONS.kind, VERSIONS.kind),
        stray=not owner or not _has_labels(own, function_uid),
        exit=_find_exit(all_statuses),
        node=manifest["spec"].get("nodeName", ""),
    )


def _find_container(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Our container; a webhook may have put another one before it."""
    containers = spec["containers"]
    ours = [
        container for container in containers if container.get("name") == labels.FUNCTION_CONTAINER
    ]
    found: Mapping[str, Any] = (ours or containers)[0]
    return found


def _find_controller(metadata: Mapping[str, Any]) -> str:
    """The kind of the owner that controls the object."""
    owners = metadata.get("ownerReferences") or ()
    return next((str(owner["kind"]) for owner in owners if owner.get("controller")), "")


def _has_labels(own: Mapping[str, str], function_uid: str) -> bool:
    """Whether it has the labels by which ReplicaSets, the NetworkPolicy and our watch select."""
    return (
        own.get(labels.FUNCTION_UID) == function_uid
        and bool(own.get(labels.REVISION))
        and own.get(labels.NETWORK) == labels.NETWORK_DEFAULT
        and own.get(labels.MANAGED_BY) == labels.MANAGER
    )


def _find_end(status: Mapping[str, Any]) -> str:
    phase = status.get("phase", "")
    return str(status.get("reason") or phase) if phase in ("Failed", "Succeeded") else ""


def _find_exit(statuses: list[Mapping[str, Any]]) -> str:
    for status in statuses:
        for state in (status.get("state") or {}, status.get("lastState") or {}):
            ended = state.get("terminated") or {}
            if ended.get("exitCode"):
                words = [ended.get("reason", ""), f"exit code {ended['exitCode']}"]
                if message := " ".join(ended.get("message", "").split()):
                    words.append(message[:EXIT_MESSAGE_CHARS])
                return ", ".join(word for word in words if word not in ("", "Error"))
    return ""


def _find_start_error(
    status: Mapping[str, Any], statuses: list[Mapping[str, Any]]
) -> tuple[str, str]:
    for container in statuses:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in ("", "ContainerCreating", "PodInitializing"):
            return waiting["reason"], waiting.get("message", "")
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == UNSCHEDULABLE:
            return UNSCHEDULABLE, condition.get("message", "")
    return "", ""
