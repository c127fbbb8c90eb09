"""Copies of manifests, several times as fast as ``copy.deepcopy``.

Contract: pure. What is not a dict, a list or a tuple counts as immutable and is shared.
"""

from typing import TypeVar

ValueT = TypeVar("ValueT")


def copy_value(value: ValueT) -> ValueT:
    """A copy that shares no dict and no list with ``value``."""
    copied: object = value
    if isinstance(value, dict):
        copied = {key: copy_value(one) for key, one in value.items()}
    elif isinstance(value, list):
        copied = [copy_value(one) for one in value]
    elif isinstance(value, tuple):
        copied = tuple(copy_value(one) for one in value)
    return copied  # type: ignore[return-value]
