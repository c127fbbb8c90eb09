"""Whether environments of local mode see Lambda's own paths, as far as this machine lets its user.

Contract: looks once, by trying; changes nothing of the machine. Where a user may have a mount
namespace (root, or unprivileged user namespaces), an agent is started in one and mounts there what
nobody else sees: /var/task, /opt, a /tmp of its own, and the names of the sandbox. Elsewhere
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

from kubelambda.local.mounts import OPT, TASK, TMP, plan_mounts

TRY_S = 10.0
TRY_MOUNTS = "try-mounts"
"""The agent's word for: mount, and end."""
PLAIN_NOTICE = (
    "A function here has no /var/task and no /opt, shares /tmp with this machine, and sandbox does "
    "not resolve: handlers, wrapper scripts, extensions and files named by these paths are not "
    "found. {reason}"
)
ELSEWHERE_NOTICE = (
    "Only Linux can give it those. Here a process that leaves its process group outlives its "
    "function, what is started outlives an agent that is killed, and reports say 0 MB of memory."
)
ISOLATED_NOTICE = "A function here has its own /var/task, /opt and /tmp, as on Lambda."
NO_OPT_NOTICE = (
    "A function here has its own /var/task and /tmp, but no /opt, which this machine does not "
    "have: make that directory and start again."
)


@dataclass(frozen=True, slots=True)
class Sight:
    """Where an environment sees its directories, and the variables that tell its agent."""

    task: str
    opt: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Isolation:
    """How an agent is started; ``command`` comes before it and is empty where that is plainly."""

    command: tuple[str, ...] = ()
    covered: Sequence[Path] = ()
    """Lambda's paths that each environment has for itself."""
    notice: str = PLAIN_NOTICE.format(reason="").rstrip()
    """For the banner."""

    def prepare(
        self, directory: Path, code: Path | None = None, needed: Iterable[Path] = ()
    ) -> Sight:
        """Make ``directory`` ready for its mounts; see ``mounts.plan_mounts``."""
        if not self.command:
            temporary = {"TMPDIR": str(directory / "tmp")}
            return Sight(str(directory / "task"), str(directory / "opt"), temporary)
        mounts = plan_mounts(directory, self.covered, code, needed)
        return Sight(
            str(TASK),
            str(OPT) if OPT in self.covered else str(directory / "opt"),
            {
                "TMPDIR": str(TMP),
                "KUBELAMBDA_MOUNTS": json.dumps([one.describe() for one in mounts]),
            },
        )


PLAIN = Isolation()
"""Environments see the machine as it is."""


def find_isolation(agent: Path, state: Path) -> Isolation:
    """What this machine allows; ``state`` is a directory to try in, left as it was."""
    if sys.platform != "linux":
        return _explain(ELSEWHERE_NOTICE)
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
    """What an environment owns, anew."""
    shutil.rmtree(directory, ignore_errors=True)
    for part in ("task", "opt", "tmp"):
        (directory / part).mkdir(parents=True)


def _explain(reason: str) -> Isolation:
    return Isolation(notice=PLAIN_NOTICE.format(reason=reason))


def _try(isolation: Isolation, agent: Path, directory: Path) -> str | None:
    """Why an environment cannot be started so; None where it can."""
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
