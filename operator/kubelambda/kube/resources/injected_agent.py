"""How the agent gets into a pod whose image is not ours (image functions).

Contract: pure. An init container from the agent's image copies the agent into a volume that the
function's container mounts read-only; the agent is that container's command and starts what the
image would have started. Nothing of the image is hidden: /var/task and /opt stay its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BIN_DIRECTORY = "/var/run/kubelambda/bin"
AGENT = f"{BIN_DIRECTORY}/kubelambda-agent"
OWN_DIRECTORY = "."
_VOLUME = "agent"
_SIZE = "64Mi"


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedAgent:
    """What only the pod of an image function has."""

    agent_image: str
    agent_pull_policy: str
    working_directory: str
    """Where the runtime starts; "." for the image's own, if that could not be read."""
    pull_secrets: Sequence[str] = ()
    """Secrets of the function's namespace with registry credentials; the kubelet reads them."""


def add_to_pod(spec: dict[str, Any], injected: InjectedAgent) -> dict[str, Any]:
    """``spec`` with the agent in it."""
    (container,) = spec["containers"]
    # Restricted Pod Security and the namespace's quotas look at each container by itself.
    shared = {key: container[key] for key in ("resources", "securityContext")}
    install = {
        "name": "agent",
        "image": injected.agent_image,
        "imagePullPolicy": injected.agent_pull_policy,
        "args": ["install", BIN_DIRECTORY],
        **shared,
        "volumeMounts": [{"name": _VOLUME, "mountPath": BIN_DIRECTORY}],
    }
    secrets = [{"name": name} for name in injected.pull_secrets]
    return {
        **spec,
        "initContainers": [install],
        "containers": [_build_container(container, injected)],
        "volumes": [*spec["volumes"], {"name": _VOLUME, "emptyDir": {"sizeLimit": _SIZE}}],
        **({"imagePullSecrets": secrets} if secrets else {}),
    }


def _build_container(container: dict[str, Any], injected: InjectedAgent) -> dict[str, Any]:
    environment = [
        *container["env"],
        {"name": "KUBELAMBDA_WORKING_DIRECTORY", "value": injected.working_directory},
    ]
    mount = {"name": _VOLUME, "mountPath": BIN_DIRECTORY, "readOnly": True}
    # The agent starts at the root: a directory that it may not enter is the function's error then.
    start = {} if injected.working_directory == OWN_DIRECTORY else {"workingDir": "/"}
    return {
        **container,
        # By digest, so nothing new can come; only credentials have to be checked each time.
        "imagePullPolicy": "Always" if injected.pull_secrets else "IfNotPresent",
        "command": [AGENT],
        **start,
        "env": [{**variable, **_escape(variable)} for variable in environment],
        "volumeMounts": [*container["volumeMounts"], mount],
    }


def _escape(variable: dict[str, Any]) -> dict[str, str]:
    """Its value so that the kubelet takes no part of it for $(another) variable."""
    return {"value": variable["value"].replace("$", "$$")} if "value" in variable else {}
