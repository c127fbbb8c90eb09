"""Where a check of a payload stopped, and what would have had to come there.

Contract: plain values, from ``json_check`` to ``json_messages``.
"""

from dataclasses import dataclass
from enum import Enum


class Expected(Enum):
    """What may come where a check stopped."""

    VALUE = "a value"
    FIRST_ITEM = "a value or the end of an array"
    KEY = "a key"
    FIRST_KEY = "a key or the end of an object"
    COLON = "a colon"
    AFTER = "a comma or an end"


@dataclass(frozen=True, slots=True)
class Scope:
    """An object or array that is open, and where it began."""

    kind: str
    start: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a check stopped; ``scope`` is None at the root.

    ``last_start`` and ``last_end`` are of the token before, empty at the beginning.
    """

    position: int
    expected: Expected
    scope: Scope | None
    last_start: int = 0
    last_end: int = 0
