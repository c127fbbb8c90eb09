"""The table of ``kubelambda get``, with the columns of the CRDs.

Contract: pure; looks as kubectl's does. A value that is not there is an empty cell.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from kubelambda.api.kinds import Column, Kind

_STEP = re.compile(r'\.(\w+)|\[\?\(@\.(\w+)=="([^"]*)"\)\]')
_GAP = "   "
_UNITS = (("y", 31_536_000), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_FINE_UNTIL = {"m": 600, "h": 28_800, "d": 691_200, "y": 252_288_000}
"""Up to so many seconds the next smaller unit is told too."""
Manifest = Mapping[str, Any]


def render_table(
    kind: Kind,
    items: Sequence[Manifest],
    now: datetime,
    *,
    wide: bool = False,
    namespaces: bool = False,
    prefix: str = "",
) -> str:
    """One line for the names of the columns and one for each object."""
    columns = [column for column in kind.columns if wide or not column.wide]
    head = ["NAMESPACE"] if namespaces else []
    rows = [[*head, "NAME", *(column.name.upper() for column in columns)]]
    for item in items:
        metadata = item["metadata"]
        place = [metadata.get("namespace", "")] if namespaces else []
        cells = [_render_cell(column, item, now) for column in columns]
        rows.append([*place, prefix + metadata["name"], *cells])
    return "\n".join(_align(rows))


def find_value(path: str, manifest: Manifest) -> Any:
    """What is at a column's ``path``; None if there is nothing."""
    value: Any = manifest
    for name, key, wanted in _STEP.findall(path):
        if name:
            value = value.get(name) if isinstance(value, Mapping) else None
        else:
            items = value if isinstance(value, list) else []
            value = next((item for item in items if item.get(key) == wanted), None)
    return value


def render_age(seconds: float) -> str:
    """An age as kubectl gives it: 5s, 3m20s, 2h, 4d."""
    left = max(0, int(seconds))
    if left < 120:
        return f"{left}s"
    for number, (unit, size) in enumerate(_UNITS):
        count, rest = divmod(left, size)
        if count >= (3 if unit == "h" else 2):
            finer, finer_size = _UNITS[number + 1]
            fine = rest // finer_size
            return (
                f"{count}{unit}{fine}{finer}"
                if fine and left < _FINE_UNTIL[unit]
                else (f"{count}{unit}")
            )
    return f"{left}s"


def _render_cell(column: Column, item: Manifest, now: datetime) -> str:
    value = find_value(column.path, item)
    if value is None:
        return ""
    if column.type == "date":
        return render_age((now - datetime.fromisoformat(str(value))).total_seconds())
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]))]
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield _GAP.join(padded).rstrip()
