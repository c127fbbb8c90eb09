"""Copies of manifests, several times as fast as ``copy.deepcopy``.

Contract: pure. What is not a dict, a list or a tuple counts as immutable and is shared.
"""

from typing import TypeVar

ValueT = TypeVar("ValueT")


def copy_value(value: ValueT) -> ValueT:
    """A copy that shares no dict and no list with ``value``."""
    copied: object = value
    if isinstance(value, dict):
        copied = {key: copy_value(item) for key, item in value.items()}
    elif isinstance(value, list):
        copied = [copy_value(item) for item in value]
    elif isinstance(value, tuple):
        copied = tuple(copy_value(item) for item in value)
    return copied  # type: ignore[return-value]
