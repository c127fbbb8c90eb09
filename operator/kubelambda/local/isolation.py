"""Mounts of an environment's own, where this machine lets its user have them.

Contract: looks once, by trying; changes nothing of the machine. Where a user may have a mount
namespace (root, or unprivileged user namespaces), an agent is started in one and mounts there what
``KUBELAMBDA_MOUNTS`` names (runtimes/README.md), which nobody else sees. Elsewhere environments see
the machine as it is.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOSTS = Path("/etc/hosts")
SANDBOX_HOSTS = "127.0.0.1 sandbox.localdomain sandbox\n"
"""What extensions call themselves when they subscribe to telemetry (spec/lambda.md, 1.12)."""
TRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Isolation:
    """How an agent is started; ``command`` comes before it and is empty where that is plainly."""

    command: tuple[str, ...] = ()

    def prepare(self, directory: Path) -> dict[str, str]:
        """Write what is to be mounted below ``directory``; the variables that tell the agent."""
        if not self.command:
            return {}
        return {"KUBELAMBDA_MOUNTS": json.dumps(_list_mounts(directory))}


PLAIN = Isolation()
"""Environments see the machine as it is."""


def find_isolation() -> Isolation:
    """What this machine allows."""
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    if unshare is None or mount is None or not HOSTS.is_file():
        return PLAIN
    own_user = () if os.geteuid() == 0 else ("--user", "--map-current-user", "--keep-caps")
    command = (unshare, *own_user, "--mount", "--")
    trial = [*command, mount, "--bind", str(HOSTS), str(HOSTS)]
    return Isolation(command) if _succeeds(trial) else PLAIN


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - programs found on PATH, arguments our own
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=TRY_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _list_mounts(directory: Path) -> Mapping[str, str]:
    """By place in the namespace, what is to be seen there."""
    hosts = directory / "hosts"
    known = HOSTS.read_text()
    hosts.write_text(f"{known}{'' if known.endswith(chr(10)) else chr(10)}{SANDBOX_HOSTS}")
    return {str(HOSTS): str(hosts)}
