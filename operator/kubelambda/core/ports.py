"""Ports: what decisions and their callers expect of the world, as protocols.

Contract: types only. A port has one conformance suite that all of its drivers pass; the fakes that
tests use are drivers too.
"""

from typing import Protocol


class Clock(Protocol):
    """Time, handed in so that nothing below reads it by itself."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...
