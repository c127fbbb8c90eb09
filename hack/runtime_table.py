"""The table of runtime identifiers for scripts and checked-in files; see hack/runtime-table.

Contract: needs the standard library and operator/ on the path only. ``images`` prints a line for
each image: name, directory of runtimes/, Debian suite of the stand-in, BASE, whether it is usual,
further arguments. ``nodes`` prints the versions of Node that are built, ``chart`` a line for each
identifier: its key among the chart's runtimes and its image. ``write`` renews CHART and DOCS, which
a test compares with ``render_chart`` and ``render_docs``.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from kubelambda.core.model.runtime_identifier import RuntimeIdentifier
from kubelambda.core.model.runtime_table import FAMILIES, RUNTIMES, describe, list_family

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts/kubelambda/values.yaml"
CHART_BEGIN = "# Runtimes to install: LambdaRuntime objects"
DOCS = ROOT / "docs/runtimes.md"
DOCS_BEGIN, DOCS_END = "<!-- written by `make runtime-table` -->", "<!-- end -->"
CHART_HEAD = """\
# Runtimes to install: LambdaRuntime objects, or a ConfigMap with scope Namespaced.
# The keys are free; `enabled: false` leaves one out. Those that are on were built and tested.
# Written by `make runtime-table` to the end of this file; docs/runtimes.md.
runtimes:
"""
COLUMNS = (
    "identifier",
    "language",
    "built and tested here, from",
    "BASE, arguments",
    "end of support",
    "no new functions",
    "no updates",
)
COMMENTS = {
    "identifier": "What functions say in spec.runtime.",
    "image": "Image with the language, the agent and the runtime interface client.",
    "bootstrap": "Command of the runtime process; empty: the functions bring their own, as for "
    "provided.al2023.",
    "languageVersion": "The language's version, which `kubectl get lrt` shows.",
    "endOfSupport": "The day from which AWS fixes nothing any more; functions run on, with a "
    "condition that says so.",
    "description": "A sentence for people.",
}


def list_images() -> list[RuntimeIdentifier]:
    """The rows that have an image of their own."""
    return [row for row in RUNTIMES.values() if not row.served_by]


def render_images() -> str:
    """What ``images`` prints."""
    return "".join(map(_render_image, list_images()))


def _render_image(row: RuntimeIdentifier) -> str:
    suite = row.stand_in.suite if row.stand_in else "-"
    usual = "usual" if row.is_usual else "-"
    return " ".join((row.image, row.family, suite, row.base, usual, *row.arguments)) + "\n"


def render_nodes() -> str:
    """What ``nodes`` prints."""
    return " ".join(row.version for row in list_family("nodejs") if row.is_tested) + "\n"


def render_keys() -> str:
    """What ``chart`` prints."""
    return "".join(f"{row.chart_key} {row.image}\n" for row in RUNTIMES.values())


def render_chart(values: str) -> str:
    """The chart's values with the runtimes as the table has them."""
    before = values[: values.index(CHART_BEGIN)]
    rows = sorted(RUNTIMES.values(), key=lambda row: list(FAMILIES).index(row.family))
    return before + CHART_HEAD + "".join(map(_render_value, rows))


def _render_value(row: RuntimeIdentifier) -> str:
    is_first = row.identifier == next(iter(RUNTIMES))
    served = RUNTIMES[row.served_by or row.identifier]
    fields = {
        "enabled": "true" if row.is_tested else "false",
        "identifier": row.identifier,
        "image": f"kubelambda/runtime-{served.family}:{served.version}",
        "bootstrap": "[/var/runtime/bootstrap]" if row.client else "[]",
        "languageVersion": f'"{row.version}"',
        "endOfSupport": f'"{row.support.end}"',
        "description": describe(row),
    }
    lines = [f"  {row.chart_key}:"]
    for name, value in fields.items():
        if is_first and name in COMMENTS:
            lines.append(f"    # {COMMENTS[name]}")
        lines.append(f"    {name}: {value}")
    return "\n".join(lines) + "\n"


def render_docs(text: str) -> str:
    """docs/runtimes.md with the table of identifiers."""
    before, rest = text.split(DOCS_BEGIN)
    after = rest.split(DOCS_END)[1]
    lines = (_render_line(COLUMNS), _render_line(("---",) * len(COLUMNS)))
    table = "".join((*lines, *map(_render_row, RUNTIMES.values())))
    return f"{before}{DOCS_BEGIN}\n{table}{DOCS_END}{after}"


def _render_line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _render_row(row: RuntimeIdentifier) -> str:
    arguments = "".join(f", {argument}" for argument in row.arguments)
    cells = (
        f"`{row.identifier}`",
        f"{FAMILIES[row.family]} {row.version}",
        f"{row.stand_in.suite}: {row.stand_in.source}" if row.stand_in else "no",
        f"`{row.base}`{arguments}",
    )
    support = row.support
    days = (support.end, support.creation_blocked, support.update_blocked)
    return _render_line((*cells, *map(str, days)))


def write() -> str:
    """Renew the files that repeat the table."""
    for path, render in ((CHART, render_chart), (DOCS, render_docs)):
        path.write_text(render(path.read_text()))
    return ""


COMMANDS: Mapping[str, Callable[[], str]] = {
    "images": render_images,
    "nodes": render_nodes,
    "chart": render_keys,
    "write": write,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"usage: hack/runtime-table {'|'.join(COMMANDS)}")
    sys.stdout.write(COMMANDS[sys.argv[1]]())
