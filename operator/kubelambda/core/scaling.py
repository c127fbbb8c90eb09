"""How many environments a function should have, and how to get there (DESIGN 3.4).

Contract: pure and level-based; the world comes in as ``FunctionLoad``, a ``ScalingPlan`` comes out,
and repeating a plan that was carried out changes nothing. Rules, named in the tests:

- S1 up at once: replicas of the current revision cover what is busy and what waits.
- S2 never over the reservation, whichever revision the environments belong to.
- S3 down only idle environments, only after the idle time, never below the floor.
- S4 never down while a pod of the revision is Pending: it would be taken instead of the victim.
- S5 replicas fall only when the victim has left the link: drain first, then lower.
- S6 an older revision drains when the new one can take over, or when nobody can use it any more.
- S7 a pod that has failed (evicted, say) counts for nothing, as for its ReplicaSet, and is deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

LinkState = Literal["unlinked", "starting", "idle", "busy"]


@dataclass(frozen=True, slots=True)
class PodLoad:
    """One pod of a function. ``idle_s``: for so long idle, or not heard of where unlinked."""

    name: str
    revision: str
    state: LinkState = "unlinked"
    idle_s: float = 0.0
    usable: bool = True
    """Its configuration is the function's present one: gateways may still give it events."""
    pending: bool = False
    terminating: bool = False
    draining: bool = False
    """It was chosen as a victim before."""
    restarted: bool = False
    """Its container is not the first one: a dead environment."""
    failed: bool = False
    """It has ended for good and was replaced already; only its object is left."""

    @property
    def is_gone(self) -> bool:
        """A victim that no longer serves anyone."""
        return self.draining and (self.state == "unlinked" or self.restarted)


@dataclass(frozen=True, slots=True)
class FunctionLoad:
    """All that counts for one function at one moment."""

    current: str
    """The current revision."""
    replicas: Mapping[str, int]
    """What each revision's Deployment asks for."""
    pods: Sequence[PodLoad] = ()
    waiting: int = 0
    floor: int = 0
    """Provisioned concurrency."""
    cap: int | None = None
    """Reserved concurrency; None where there is none."""


@dataclass(frozen=True, slots=True)
class ScalingPlan:
    """``replicas`` holds changes only; ``drain`` names new victims; ``delete`` dead pods."""

    replicas: Mapping[str, int] = field(default_factory=dict)
    drain: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()


def plan_scaling(load: FunctionLoad, idle_timeout_s: float) -> ScalingPlan:
    """What to change now."""
    present = [pod for pod in load.pods if not pod.terminating]
    alive = [pod for pod in present if not pod.failed]
    replicas: dict[str, int] = {}
    drain: list[str] = []
    for revision, asked in load.replicas.items():
        mine = [pod for pod in alive if pod.revision == revision]
        if revision == load.current:
            target = _target_current(load, mine, asked, idle_timeout_s)
            drain += _victims_current(load, mine, asked, idle_timeout_s)
        else:
            target = _target_old(mine, asked)
            drain += _victims_old(load, mine, alive, idle_timeout_s)
        if target != asked:
            replicas[revision] = target
    delete = tuple(
        pod.name for pod in present if pod.failed or (pod.restarted and not pod.draining)
    )
    return ScalingPlan(replicas, tuple(drain), delete)


def count_wanted(load: FunctionLoad, idle_timeout_s: float = float("inf")) -> int:
    """Environments of the current revision that demand, floor and reservation ask for (S1, S2)."""
    alive = [pod for pod in load.pods if not pod.terminating and not pod.failed]
    busy = sum(pod.state == "busy" for pod in alive if pod.revision == load.current)
    wanted = max(load.floor, busy + load.waiting + _count_to_warm(load, alive, idle_timeout_s))
    if load.cap is None:
        return wanted
    elsewhere = sum(pod.state == "busy" for pod in load.pods if pod.revision != load.current)
    return max(0, min(wanted, load.cap - elsewhere))


def _count_to_warm(load: FunctionLoad, alive: Sequence[PodLoad], idle_timeout_s: float) -> int:
    """Environments of older revisions that still serve and are to be replaced (S6)."""
    return sum(
        pod.usable
        and not pod.draining
        and (pod.state == "busy" or (pod.state == "idle" and pod.idle_s < idle_timeout_s))
        for pod in alive
        if pod.revision != load.current
    )


def _target_current(
    load: FunctionLoad,
    mine: Sequence[PodLoad],
    asked: int,
    idle_timeout_s: float,
) -> int:
    wanted = count_wanted(load, idle_timeout_s)
    # Pods beyond what was asked for are victims that the ReplicaSet is about to take.
    leaving = max(0, sum(pod.draining for pod in mine) - max(0, len(mine) - asked))
    if wanted + leaving > asked:
        return wanted + leaving
    gone = sum(pod.is_gone for pod in mine)
    if _is_abandoned(load, mine, idle_timeout_s):
        return min(asked, wanted)
    if gone and len(mine) >= asked and not any(pod.pending for pod in mine):
        return max(wanted, min(asked, len(mine) - gone))
    return asked


def _is_abandoned(load: FunctionLoad, mine: Sequence[PodLoad], idle_timeout_s: float) -> bool:
    """Pods that never came to life, and nobody has waited for them for the idle time."""
    return (
        load.waiting == 0
        and bool(mine)
        and any(pod.pending for pod in mine)
        and all(pod.state == "unlinked" and pod.idle_s >= idle_timeout_s for pod in mine)
    )


def _victims_current(
    load: FunctionLoad, mine: Sequence[PodLoad], asked: int, idle_timeout_s: float
) -> list[str]:
    if load.waiting or any(pod.pending for pod in mine) or len(mine) < asked:
        return []
    staying = [pod for pod in mine if not pod.draining]
    spare = len(staying) - max(
        count_wanted(load, idle_timeout_s),
        load.floor,
        sum(pod.state in ("busy", "starting") for pod in staying),
    )
    expired = [
        pod for pod in staying if pod.state in ("idle", "unlinked") and pod.idle_s >= idle_timeout_s
    ]
    expired.sort(key=lambda pod: -pod.idle_s)
    return [pod.name for pod in expired[: max(0, spare)]]


def _target_old(mine: Sequence[PodLoad], asked: int) -> int:
    """Pending pods of an old revision go first by themselves, so they count as gone."""
    leaving = sum(pod.is_gone or pod.pending for pod in mine)
    if not mine:
        return 0
    return min(asked, len(mine) - leaving)


def _victims_old(
    load: FunctionLoad, mine: Sequence[PodLoad], alive: Sequence[PodLoad], idle_timeout_s: float
) -> list[str]:
    is_replaced = any(
        pod.revision == load.current and pod.state in ("idle", "busy") for pod in alive
    )
    return [
        pod.name
        for pod in mine
        if not pod.draining
        and pod.state in ("idle", "unlinked")
        and not pod.pending
        and (not pod.usable or is_replaced or pod.idle_s >= idle_timeout_s)
    ]
