"""Checks of values that another process has sent: type and bounds, before anybody uses them.

Contract: pure. A value that is not exactly of the type that is asked for, or is out of bounds, is a
ValueError: a boolean or a float is not an integer, and what JSON makes of ``NaN`` or ``1e999`` is
not a number. A function pod may be hostile, and another release may send anything.
"""

import math
from typing import Any

COUNT_MAX = 10**9
"""More requests, environments or invocations than any installation has."""
MILLISECONDS_MAX = 10**9
"""Eleven days; nothing that is measured here lasts longer."""
TEXT_CHARS_MAX = 4_096
EPOCH_MAX = 2**53
"""Epochs above this are read as this one."""


def read_integer(value: Any, *, low: int = 0, high: int = COUNT_MAX) -> int:
    """``value``, if it is an integer from ``low`` to ``high``."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"not an integer from {low} to {high}")
    return value


def read_number(value: Any, *, low: float = 0.0, high: float) -> float:
    """``value``, if it is a finite number from ``low`` to ``high``."""
    if type(value) not in (int, float) or not low <= value <= high or not math.isfinite(value):
        raise ValueError(f"not a number from {low} to {high}")
    return float(value)


def read_name(value: Any) -> str:
    """``read_text`` of one that is not empty."""
    if not value:
        raise ValueError("a text is missing")
    return read_text(value)


def read_text(value: Any, *, chars_max: int = TEXT_CHARS_MAX) -> str:
    """``value``, if it is a text of at most ``chars_max`` characters that UTF-8 can carry."""
    if not isinstance(value, str) or len(value) > chars_max:
        raise ValueError(f"not a text of at most {chars_max} characters")
    if not value.isascii():
        value.encode()  # half a surrogate pair is a UnicodeEncodeError, which is a ValueError
    return value


def read_epoch(value: Any) -> int:
    """An epoch that a gateway has sent, cut to EPOCH_MAX: its view counts for nothing (rule M6).

    One that is too high is not refused: a gateway of the previous release may have got it from a
    function pod, and whatever else that gateway says still counts.
    """
    if type(value) is not int or value < 0:
        raise ValueError("not an epoch")
    return min(value, EPOCH_MAX)
