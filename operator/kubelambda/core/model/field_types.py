"""Checks of fields that came over the wire: whether a value has the type that a reader wants.

Contract: pure; never raises.
"""

from collections.abc import Mapping
from typing import Any


def is_text(value: Any) -> bool:
    """Whether it is a string."""
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Whether it is an integer; a boolean is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_list_of_texts(value: Any) -> bool:
    """Whether it is a list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def has_optional_texts(value: Mapping[str, Any], *keys: str) -> bool:
    """Whether each of ``keys`` is a string in ``value``, or absent."""
    return all(isinstance(value.get(key, ""), str) for key in keys)
