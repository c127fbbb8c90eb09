"""Which command runs a function's language on this machine.

Contract: pure over what was found on the machine (``Machine``). An identifier whose language is
absent gives a sentence saying so; another minor version than the machine's runs on what is there,
with a warning.
"""

import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

PYTHON = re.compile(r"python(\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Machine:
    """Interpreters of this machine: path and minor version by language."""

    interpreters: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The command that takes the place of a runtime image's bootstrap; ``warning`` may be empty."""

    argv: tuple[str, ...]
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """This machine cannot run the language; ``reason`` says what is missing."""

    reason: str


def find_machine() -> Machine:
    """Look for interpreters; Python is always the one that runs this program."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = {"python": (sys.executable, version)}
    shell = shutil.which("sh")
    if shell:
        found["sh"] = (shell, "")
    return Machine(found)


def plan_bootstrap(runtime: str, handler: str, machine: Machine) -> Bootstrap | Unavailable:
    """The command for ``runtime``, or why there is none."""
    python = PYTHON.fullmatch(runtime)
    if python is None:
        # LIMIT: local mode runs Python functions only until the other runtimes exist.
        return Unavailable(f"runtime {runtime!r} has no bootstrap for local mode yet")
    if "python" not in machine.interpreters:
        return Unavailable("no Python on this machine")
    interpreter, version = machine.interpreters["python"]
    warning = "" if version == python[1] else f"runs on this machine's Python {version}"
    return Bootstrap((interpreter, "-m", "awslambdaric", handler), warning)
