"""What measurements report: rows of one table, and JSON with the machine's facts.

Contract: a row says what was measured, beside which floor of the same run, and whether the target
of the design is met. Nothing here fails because of a time.
"""

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COLUMNS = {
    "name": "row",
    "value": "value",
    "spread": "spread",
    "against": "against",
    "ratio": "ratio",
    "ratio_spread": "of the pairs",
    "floor": "floor",
    "compared": "compared",
    "target": "target",
    "verdict": "verdict",
}
"""Attributes of a row and their titles; a column that is empty in every row is left out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line. Texts carry their units."""

    name: str
    value: str
    spread: str = ""
    """Least and greatest of the rounds."""
    against: str = ""
    """The value of the tree that this one is compared with, measured in turns with it."""
    ratio: str = ""
    """This tree over that one: the median of the rounds' own ratios."""
    ratio_spread: str = ""
    floor: str = ""
    """What it is compared with, measured in the same run."""
    compared: str = ""
    """Ratio to the floor or difference from it."""
    target: str = ""
    met: bool | None = None
    """None where there is no target or nothing was measured."""
    number: float | None = None
    """The value for machines, in its text's unit; None where nothing was measured."""

    @property
    def verdict(self) -> str:
        return "" if self.met is None else ("met" if self.met else "missed")


@dataclass(frozen=True, slots=True)
class Rounds:
    """One figure over several rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, unit: str, digits: int = 3) -> str:
        return f"{self.median:.{digits}f} {unit}"

    def spread(self, digits: int = 3) -> str:
        return f"{min(self.values):.{digits}f}..{max(self.values):.{digits}f}"

    def minus(self, other: "Rounds") -> "Rounds":
        """Round by round: what is compared ran side by side."""
        return Rounds(tuple(a - b for a, b in zip(self.values, other.values, strict=True)))

    def over(self, other: "Rounds") -> "Rounds":
        return Rounds(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))


def collect(values: Iterable[float]) -> Rounds:
    return Rounds(tuple(values))


def not_measured(name: str, reason: str, target: str = "") -> Row:
    """A row that says why it is empty."""
    return Row(name, f"not measured: {reason}", target=target)


def describe_machine() -> dict[str, Any]:
    """What a reader needs to judge the numbers."""
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cores": os.cpu_count(),
        "processor": _find_processor(),
        "memory_gib": round(memory_kib / 2**20, 1),
        "kernel": platform.release(),
        "load": [round(one, 2) for one in os.getloadavg()],
    }


def _find_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def format_table(rows: Sequence[Row]) -> str:
    """The rows as aligned columns; below them what was not measured, and why."""
    measured = [row for row in rows if row.number is not None]
    cells = [[str(getattr(row, one)) for one in COLUMNS] for row in measured]
    columns = [
        (title, *values)
        for title, values in zip(COLUMNS.values(), zip(*cells, strict=True), strict=False)
        if any(values)
    ]
    padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
    table = ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]
    rest = [f"{row.name}: {row.value}" for row in rows if row.number is None]
    return "\n".join(table + ([""] if table and rest else []) + rest)


def write_json(directory: Path, before: dict[str, Any], rows: Sequence[Row]) -> Path:
    """Everything; the machine's facts, with its load before and after, come first."""
    directory.mkdir(exist_ok=True)
    path = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    machine = before | {"load_after": describe_machine()["load"]}
    content = {"machine": machine, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
