"""The trees that a run measures: this one and, with ``--against``, a revision, side by side.

Contract: each tree's processes run its own code, its own ``bench.gateway_process`` included, on an
interpreter that has its own dependencies. What passes between this process and theirs (the JSON of
their command lines) is kept compatible from revision to revision. The load program is this tree's.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load_program import ROOT

NOW = "now"
AGAINST = "against"
ENVIRONMENTS = "environments_process"
TESTS = ROOT / "tests"
SLOW_PYTHON = (
    "WARNING: this Python was built without optimisations, unlike that of the images: its figures "
    "are 10 to 30 % too slow. BENCH_PYTHON=<path> names another"
)


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree that is ready to run."""

    side: str
    """NOW or AGAINST: its column in the table."""
    revision: str
    root: Path
    python: Path
    facts: Mapping[str, Any]
    """Of its interpreter and build, as ``hack/describe-python`` gives them."""
    function_python: Path
    """What runs real environments, and so the functions in them."""
    function_facts: Mapping[str, Any]

    def command(self, module: str, *arguments: str) -> list[str]:
        """What starts a module of ``bench`` in this tree."""
        python = self.function_python if module == ENVIRONMENTS else self.python
        return [str(python), "-m", f"bench.{module}", *arguments]

    def variables(self, module: str) -> dict[str, str]:
        """The variables that ``command`` wants. A module that the tree lacks is taken from ours."""
        has_it = (self.root / "tests" / "bench" / f"{module}.py").exists()
        return {"PYTHONPATH": str(self.root / "tests" if has_it else TESTS)}

    def describe(self) -> dict[str, Any]:
        """For the results' file."""
        return {"revision": self.revision, **self.facts, "functions": self.function_facts}

    def text(self) -> str:
        """For a reader of the table: what ran, and whether it is the Python that images have."""
        facts = self.facts
        lines = [
            f"{self.side}: {self.revision or 'no repository'}, gateway {facts['gateway']}, Python "
            f"{facts['python']} ({facts['compiler']}), PGO {facts['pgo']}, LTO {facts['lto']}",
            f"  CONFIG_ARGS {facts['config_args']}",
            f"  real environments: Python {self.function_facts['python']}, "
            f"PGO {self.function_facts['pgo']}, LTO {self.function_facts['lto']}",
        ]
        if facts["pgo"] == "no":
            lines.append(f"  {SLOW_PYTHON}")
        return "\n".join(lines)


def prepare_trees(against: str, *, compiled: bool) -> list[Tree]:
    """This tree and, unless ``against`` is empty, that revision, ready to run.

    ``compiled`` is this tree as images have it. The revision is pure Python.
    """
    now = prepare_tree(NOW, "", compiled=compiled)
    return [now, prepare_tree(AGAINST, against)] if against else [now]


def prepare_tree(side: str, revision: str, *, compiled: bool = False) -> Tree:
    command = [str(ROOT / "hack" / "bench-tree"), *(["--compiled"] if compiled else [])]
    command += [revision] if revision else []
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
    root, python, functions = map(Path, done.stdout.splitlines())
    name = describe_revision(revision)
    return Tree(
        side, name, root, python, describe_python(python), functions, describe_python(functions)
    )


def describe_python(python: Path) -> dict[str, Any]:
    described = subprocess.run(
        [python, ROOT / "hack" / "describe-python"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    facts: dict[str, Any] = json.loads(described.stdout)
    return facts


def describe_revision(revision: str) -> str:
    """The commit; of this tree, whether it differs from it. Empty where there is no repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--exclude=*", "--abbrev=12"]
    command += [revision] if revision else ["--dirty"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()
