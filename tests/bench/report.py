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

COLUMNS = ("row", "value", "spread", "floor", "compared", "target", "verdict")


@dataclass(frozen=True, slots=True)
class Row:
    """One line. Texts carry their units."""

    name: str
    value: str
    spread: str = ""
    """Least and greatest of the rounds."""
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
        "python": platform.python_version(),
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
    lines: list[tuple[str, ...]] = [COLUMNS] if measured else []
    lines += [(row.name, *(str(getattr(row, one)) for one in COLUMNS[1:])) for row in measured]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    rest = [f"{row.name}: {row.value}" for row in rows if row.number is None]
    return "\n".join(table + ([""] if table and rest else []) + rest)


def write_json(directory: Path, before: dict[str, Any], rows: Sequence[Row]) -> Path:
    """Everything, with the load of the machine before and after."""
    directory.mkdir(exist_ok=True)
    path = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    machine = before | {"load_after": describe_machine()["load"]}
    content = {"machine": machine, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
