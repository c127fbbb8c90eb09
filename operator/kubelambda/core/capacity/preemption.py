"""Which idle environments are removed when the cluster is full and requests wait.

Contract: pure; all functions come in, the pods to drain (victims) come out. Rules, named in the
tests:

- R1 no victim unless a pod that requests wait for has found no node for UNSCHEDULED_S.
- R2 victims are idle environments only, never below a function's floor, never of a function whose
  own requests wait: two functions that both wait take nothing from each other.
- R3 the longest idle goes first. An environment that was used within SETTLED_S goes only if its
  function has more than its fair share.
- R4 no more memory is freed than the waiting pods need; victims that have not left yet count as
  freed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

UNSCHEDULED_S = 1.0
"""A pod that is unschedulable for less time may still find a node by itself."""
SETTLED_S = 5.0
"""An environment idle for less is in use: its function would need it back at once."""


@dataclass(frozen=True, slots=True)
class IdleEnvironment:
    """An environment that could become a victim."""

    pod: str
    idle_s: float


@dataclass(frozen=True, slots=True)
class PreemptionLoad:
    """One function, as far as preemption is concerned. ``key`` tells functions apart."""

    key: object
    memory_mb: int
    unscheduled: int = 0
    """Pods that requests wait for and that have found no node for UNSCHEDULED_S."""
    is_waiting: bool = False
    environments: int = 0
    """All whose pods take memory of a node, busy ones included."""
    idle: Sequence[IdleEnvironment] = ()
    leaving: int = 0
    """Victims whose pods still take memory of a node."""
    floor: int = 0


def choose_victims(loads: Sequence[PreemptionLoad]) -> list[tuple[object, str]]:
    """Function (its ``key``) and pod of each environment to drain now."""
    missing_mb = sum(load.unscheduled * load.memory_mb for load in loads)
    missing_mb -= sum(load.leaving * load.memory_mb for load in loads)
    if missing_mb <= 0:
        return []
    share = _compute_share(loads)
    victims: list[tuple[object, str]] = []
    for _, idle, load in sorted(_list_candidates(loads, share), key=lambda candidate: candidate[0]):
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
        longest_first = sorted(load.idle, key=lambda environment: -environment.idle_s)
        spare = max(0, load.environments - load.floor)
        for position, idle in enumerate(longest_first[:spare]):
            is_settled = idle.idle_s >= SETTLED_S
            if is_settled or load.environments - position > share:
                candidates.append(((not is_settled, -idle.idle_s), idle, load))
    return candidates


def _compute_share(loads: Sequence[PreemptionLoad]) -> float:
    """How many environments each function would have if all had the same number."""
    users = [load for load in loads if load.environments or load.is_waiting]
    return sum(user.environments for user in users) / len(users) if users else 0.0
