"""What a run of pytest skipped and what would run it, in a few lines.

Contract: a reason of the form ``subject: detail: make target`` is counted under its target, with
the subjects of all reasons that name it; any other reason has a line of its own. Reads nothing but
the reasons, so that it serves a run with workers (pytest-xdist) as well.
"""

import re
from collections import Counter
from collections.abc import Iterable

TARGET = re.compile(r"make [a-z-]+(?: [A-Z]+=\w+)*$")


def describe_not_run(reasons: Iterable[str]) -> list[str]:
    """One line for each target that would run what was skipped, then one for each other reason.

    Within each of the two, what concerns most tests comes first.
    """
    targets: Counter[str] = Counter()
    subjects: dict[str, set[str]] = {}
    others: Counter[str] = Counter()
    for reason in reasons:
        if found := TARGET.search(reason):
            targets[found[0]] += 1
            subjects.setdefault(found[0], set()).add(reason.partition(":")[0])
        else:
            others[reason] += 1
    return [
        f"{_count(count)} of {', '.join(sorted(subjects[target]))}: {target}"
        for target, count in targets.most_common()
    ] + [f"{_count(count)}: {reason}" for reason, count in others.most_common()]


def _count(number: int) -> str:
    return f"{number} test" if number == 1 else f"{number} tests"
