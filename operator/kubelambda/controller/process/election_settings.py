"""What a process needs to take part in a leader election: which Lease, as whom, and the time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ElectionClock:
    """Time as an election needs it."""

    boot: Callable[[], float]
    """Seconds that also pass while the process or the machine sleeps."""
    wall: Callable[[], float]
    """Seconds since the epoch."""
    sleep: Callable[[float], Awaitable[None]]
    """Return after so many seconds."""


SYSTEM_CLOCK = ElectionClock(
    lambda: time.clock_gettime(time.CLOCK_BOOTTIME), time.time, asyncio.sleep
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionSettings:
    """Which Lease this process competes for, and how."""

    namespace: str
    name: str
    identity: str
    duration_s: float
    renew_s: float
    owner: str = ""
    """Deployment of the namespace with which the Lease is deleted; empty: with none."""
