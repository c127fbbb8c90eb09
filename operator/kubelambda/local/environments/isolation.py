"""Whether this machine lets its user give each environment Lambda's own paths.

Contract: tries once, and changes nothing on the machine. If the user may have a mount namespace
(root, or unprivileged user namespaces), each agent is started in one and mounts there what nobody
else sees: /var/task, /opt, a /tmp of its own, and the host names of the sandbox. If not,
environments see the machine as it is, and ``notice`` says what will not work.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubelambda.local.environments.mounts import OPT, TASK, TMP, plan_mounts

TRY_S = 10.0
TRY_MOUNTS = "try-mounts"
"""The argument with which the agent only mounts, and ends."""
NOT_ISOLATED_NOTICE = (
    "A function here has no /var/task and no /opt, shares /tmp with this machine, and the host "
    "name sandbox does not resolve: handlers, wrapper scripts, extensions and files named by these "
    "paths are not found. {reason}"
)
NOT_LINUX_NOTICE = (
    "Only Linux has what that takes. Here a process that leaves its process group outlives its "
    "function, processes of a function outlive an agent that is killed, and reports say 0 MB of "
    "memory."
)
ISOLATED_NOTICE = "A function here has its own /var/task, /opt and /tmp, as on Lambda."
NO_OPT_NOTICE = (
    "A function here has its own /var/task and /tmp, but no /opt, which this machine does not "
    "have: make that directory, and start local mode again."
)


@dataclass(frozen=True, slots=True)
class EnvironmentPaths:
    """Where an environment finds its code and layers, and the variables that tell its agent."""

    task: str
    opt: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Isolation:
    """How agents are started."""

    command: tuple[str, ...] = ()
    """Comes before the agent's own command; empty without isolation."""
    covered: Sequence[Path] = ()
    """Lambda's paths that each environment has for itself."""
    notice: str = NOT_ISOLATED_NOTICE.format(reason="").rstrip()
    """What the banner says of it."""

    def prepare(
        self, directory: Path, needed: Iterable[Path] = (), image_root: Path | None = None
    ) -> EnvironmentPaths:
        """Make ``directory`` ready for its mounts; see ``mounts.plan_mounts``."""
        if not self.command:
            temporary = {"TMPDIR": str(directory / "tmp")}
            return EnvironmentPaths(str(directory / "task"), str(directory / "opt"), temporary)
        mounts = plan_mounts(directory, self.covered, needed, image_root)
        return EnvironmentPaths(
            str(TASK),
            str(OPT) if OPT in self.covered else str(directory / "opt"),
            {
                "TMPDIR": str(TMP),
                "KUBELAMBDA_MOUNTS": json.dumps([mount.describe() for mount in mounts]),
            },
        )


NOT_ISOLATED = Isolation()
"""Environments see the machine as it is."""


def find_isolation(agent: Path, state: Path) -> Isolation:
    """Find out what this machine allows; ``state`` is a directory to try in, left as it was."""
    if sys.platform != "linux":
        return _explain(NOT_LINUX_NOTICE)
    unshare = shutil.which("unshare")
    if unshare is None:
        return _explain("The program unshare (of util-linux) is not on PATH.")
    own_user = () if os.geteuid() == 0 else ("--user", "--map-current-user", "--keep-caps")
    covered = (TASK, OPT, TMP) if OPT.is_dir() else (TASK, TMP)
    found = Isolation(
        (unshare, *own_user, "--mount", "--"),
        covered,
        ISOLATED_NOTICE if OPT in covered else NO_OPT_NOTICE,
    )
    problem = _try(found, agent, state / "environments" / TRY_MOUNTS)
    return found if problem is None else _explain(f"A mount namespace is refused: {problem}.")


def make_directories(directory: Path) -> None:
    """Make the directories that an environment owns, empty."""
    shutil.rmtree(directory, ignore_errors=True)
    for part in ("task", "opt", "tmp"):
        (directory / part).mkdir(parents=True)


def _explain(reason: str) -> Isolation:
    return Isolation(notice=NOT_ISOLATED_NOTICE.format(reason=reason))


def _try(isolation: Isolation, agent: Path, directory: Path) -> str | None:
    """Why an environment cannot be started like this; None if it can."""
    try:
        make_directories(directory)
        variables = isolation.prepare(directory.resolve()).variables
        done = subprocess.run(  # noqa: S603 - programs of this package and of the system
            [*isolation.command, agent, TRY_MOUNTS],
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TRY_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if done.returncode == 0:
        return None
    return done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
