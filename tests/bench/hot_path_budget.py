"""The budget of ``hot_path``'s counts: checked in, written by hack/hot-path-budget, held by a test.

A commit that changes what an event costs by more than ALLOWED changes the budget too, and says why;
that is how a regression is announced. A gain is taken into it as well, or it could be lost again
unseen.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.hot_path import count_hot_path
from bench.load_program import LoadProgram

FILE = Path(__file__).with_name("hot_path_budget.json")
ALLOWED = 0.05
"""How far a count may be from its budget, to either side."""
WRITE = "run hack/hot-path-budget, and say in the commit's message why"


def read_budget() -> dict[str, float]:
    """Counts per event by name."""
    found: dict[str, float] = json.loads(FILE.read_text())
    return found


def compare_with_budget(counted: Mapping[str, float], budget: Mapping[str, float]) -> list[str]:
    """A sentence for each count that its budget does not fit."""
    problems = []
    for name, count in counted.items():
        allowed = budget.get(name)
        if allowed is None:
            problems.append(f"{name}: {count:g} an event, and no budget: {WRITE}")
        elif count > allowed * (1 + ALLOWED):
            problems.append(f"{name}: {count:g} an event, budget {allowed:g}: mend it, or {WRITE}")
        elif count < allowed * (1 - ALLOWED):
            problems.append(
                f"{name}: {count:g} an event, less than its budget {allowed:g}: {WRITE}"
            )
    return problems


def main() -> int:
    """Count, write the file, and print what changed."""
    before = read_budget() if FILE.exists() else {}
    counted = count_hot_path(LoadProgram())
    FILE.write_text(json.dumps(counted, indent=2) + "\n")
    for name, count in counted.items():
        print(f"{name}: {count} (was {before.get(name, 'not there')})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
