"""Whose idle environments make room for those that somebody waits for (DESIGN 4.2).

Contract: pure; all functions come in, names of victims come out. Rules, named in the tests:

- R1 nobody gives anything up unless a pod that is waited for has found no node for UNSCHEDULED_S.
- R2 only idle environments, never below the floor, never of a function that waits itself: two
  functions that both wait take nothing from each other.
- R3 idle longest first; an environment that was used within SETTLED_S only where its function has
  more than its fair share.
- R4 no more memory than what waits; victims that are on their way out count as freed already.
"""

from collections.abc import Sequence
from dataclasses import dataclass

UNSCHEDULED_S = 1.0
"""A pod that the scheduler refused for less time may still find room by itself."""
SETTLED_S = 5.0
"""An environment idle for less is in use: taking it would only turn the roles around."""


@dataclass(frozen=True, slots=True)
class IdleEnvironment:
    """One that could be given up."""

    pod: str
    idle_s: float


@dataclass(frozen=True, slots=True)
class PreemptionLoad:
    """One function, as far as room is concerned. ``key`` tells functions apart."""

    key: object
    memory_mb: int
    unscheduled: int = 0
    """Pods that are waited for and have found no node for UNSCHEDULED_S."""
    is_waiting: bool = False
    environments: int = 0
    """All that hold room, busy ones too."""
    idle: Sequence[IdleEnvironment] = ()
    leaving: int = 0
    """Victims that still hold room."""
    floor: int = 0


def choose_victims(loads: Sequence[PreemptionLoad]) -> list[tuple[object, str]]:
    """Function and pod of each environment that is to be drained now."""
    missing_mb = sum(one.unscheduled * one.memory_mb for one in loads)
    missing_mb -= sum(one.leaving * one.memory_mb for one in loads)
    if missing_mb <= 0:
        return []
    share = _compute_share(loads)
    victims: list[tuple[object, str]] = []
    for _, idle, load in sorted(_list_candidates(loads, share), key=lambda one: one[0]):
        if missing_mb <= 0:
            break
        victims.append((load.key, idle.pod))
        missing_mb -= load.memory_mb
    return victims


def _list_candidates(
    loads: Sequence[PreemptionLoad], share: float
) -> list[tuple[tuple[bool, float], IdleEnvironment, PreemptionLoad]]:
    """Each environment that may go, with its place in the order (R3)."""
    candidates = []
    for load in loads:
        if load.is_waiting:
            continue
        longest_first = sorted(load.idle, key=lambda one: -one.idle_s)
        spare = max(0, load.environments - load.floor)
        for position, idle in enumerate(longest_first[:spare]):
            is_settled = idle.idle_s >= SETTLED_S
            if is_settled or load.environments - position > share:
                candidates.append(((not is_settled, -idle.idle_s), idle, load))
    return candidates


def _compute_share(loads: Sequence[PreemptionLoad]) -> float:
    """Environments that each function would have if all had the same number."""
    users = [one for one in loads if one.environments or one.is_waiting]
    return sum(one.environments for one in users) / len(users) if users else 0.0
