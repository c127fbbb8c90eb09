"""Whether what is there still says what we want.

Contract: pure. Only what ``desired`` says counts; the API server's defaults and other people's
additions beside it are not drift.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def find_drift(desired: Any, observed: Any, path: str = "") -> str | None:
    """The path of the first difference, or None. Lists of named items are matched by name."""
    if isinstance(desired, Mapping):
        return _find_in_mapping(desired, observed, path)
    if isinstance(desired, Sequence) and not isinstance(desired, str):
        return _find_in_list(desired, observed, path)
    return None if desired == observed else path


def _find_in_mapping(desired: Mapping[str, Any], observed: Any, path: str) -> str | None:
    if not isinstance(observed, Mapping):
        return path
    for key, value in desired.items():
        found = find_drift(value, observed.get(key), f"{path}.{key}")
        if found is not None:
            return found
    return None


def _find_in_list(desired: Sequence[Any], observed: Any, path: str) -> str | None:
    if not isinstance(observed, Sequence):
        return path
    if all(isinstance(item, Mapping) and "name" in item for item in desired):
        by_name = {item.get("name"): item for item in observed if isinstance(item, Mapping)}
        pairs = [(item, by_name.get(item["name"]), item["name"]) for item in desired]
    elif len(desired) == len(observed):
        pairs = [(item, observed[i], str(i)) for i, item in enumerate(desired)]
    else:
        return path
    for wanted, present, label in pairs:
        found = find_drift(wanted, present, f"{path}[{label}]")
        if found is not None:
            return found
    return None
