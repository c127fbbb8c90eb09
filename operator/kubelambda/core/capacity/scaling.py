"""How many environments a function should have, and how to get there.

Contract: pure and level-based; a ``FunctionLoad`` comes in, a ``ScalingPlan`` comes out. Planning
again after a plan was carried out changes nothing. A *direct* pod is owned by the function itself,
not by a Deployment; a *victim* is an environment that was chosen to go. Rules, named in the tests:

- S1 scale up at once: environments of the current revision cover the busy ones and the waiting
  requests. Pods of Deployments count, direct pods, and pods that a Deployment still owes.
- S2 never more than the reserved concurrency, over all revisions together.
- S3 scale down only environments that have been idle for the idle timeout, never below the floor;
  direct pods go first.
- S4 a Deployment's replicas are not lowered for an idle victim while one of its pods is Pending:
  the ReplicaSet would take that pod instead of the victim.
- S5 replicas are lowered, and a direct victim is deleted, only when the victim has left the link.
- S6 an older revision drains when the new one can take over, or when gateways can no longer use it.
- S7 a failed pod (an evicted one, for example) does not count, as for its ReplicaSet; it is
  deleted.
- S8 a pod that is not running yet and that no request waits for any more is given back: at once if
  it cannot start now, else after STARTING_S.
- S9 an environment that ended is replaced only while it is wanted and starts are not held back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kubelambda.core.capacity.function_load import SLOW_S, FunctionLoad, PodLoad
from kubelambda.core.capacity.needed_environments import count_needed

OWED_S = 2.0
"""Pods that a Deployment has owed for so long are given back when no request waits for them."""


@dataclass(frozen=True, slots=True)
class ScalingPlan:
    """What to change. ``replicas`` only fall; ``split_start`` turns ``start`` into pods."""

    replicas: Mapping[str, int] = field(default_factory=dict)
    start: int = 0
    """New environments of the current revision."""
    drain: tuple[str, ...] = ()
    """New victims."""
    delete: tuple[str, ...] = ()
    """Pods whose environment is dead, and direct victims that have left."""
    withdraw: tuple[str, ...] = ()
    """Direct pods to delete unless they have begun to run meanwhile (S8)."""


def plan_scaling(load: FunctionLoad, idle_timeout_s: float) -> ScalingPlan:
    """What to change now."""
    present = [pod for pod in load.pods if not pod.terminating]
    alive = [pod for pod in present if not pod.failed]
    failed = tuple(pod.name for pod in present if pod.failed)
    mine = [pod for pod in alive if pod.revision == load.current]
    current = _plan_current(load, mine, idle_timeout_s)
    parts = [
        replace(current, drain=current.drain + _choose_idle(load, mine, current, idle_timeout_s))
    ]
    older = {pod.revision for pod in alive} | set(load.replicas)
    parts += [
        _plan_old(load, revision, alive, idle_timeout_s)
        for revision in sorted(older - {load.current})
    ]
    return ScalingPlan(
        replicas={revision: count for part in parts for revision, count in part.replicas.items()},
        start=parts[0].start,
        drain=tuple(name for part in parts for name in part.drain),
        delete=failed + tuple(name for part in parts for name in part.delete),
        withdraw=tuple(name for part in parts for name in part.withdraw),
    )


def count_wanted(load: FunctionLoad, idle_timeout_s: float = float("inf")) -> int:
    """Environments of the current revision that demand, floor and reservation ask for (S1, S2)."""
    alive = [pod for pod in load.pods if not pod.terminating and not pod.failed]
    busy = sum(pod.state == "busy" for pod in alive if _serves(load, pod))
    needed = count_needed(load.waiting, busy, load.duration_s, load.waited_s)
    wanted = max(load.floor, needed + _count_to_warm(load, alive, idle_timeout_s))
    if load.cap is None:
        return wanted
    elsewhere = sum(pod.state == "busy" for pod in load.pods if not _serves(load, pod))
    return max(0, min(wanted, load.cap - elsewhere))


def split_start(
    load: FunctionLoad, plan: ScalingPlan, deployment_tokens: int
) -> tuple[int | None, int]:
    """How ``plan.start`` is made: the Deployment's new replicas, and how many direct pods.

    None as first value: replicas stay as they are. ``deployment_tokens``: how many the rate limit
    of Deployments allows. Only pods that requests wait for are made directly; those for a floor or
    in place of older revisions can wait for the rate limit.
    """
    asked = plan.replicas.get(load.current, load.replicas.get(load.current, 0))
    tokens = 0 if load.makes_pods_directly else max(0, deployment_tokens)
    by_deployment = min(plan.start, tokens)
    target = asked + by_deployment
    unchanged = target == load.replicas.get(load.current, 0)
    return (None if unchanged else target), min(plan.start - by_deployment, load.waiting)


def _serves(load: FunctionLoad, pod: PodLoad) -> bool:
    return pod.revision == load.current and pod.is_good


def _count_to_warm(load: FunctionLoad, alive: Sequence[PodLoad], idle_timeout_s: float) -> int:
    """Environments of older revisions that still serve and are to be replaced (S6)."""
    return sum(
        pod.usable
        and not pod.draining
        and (pod.state == "busy" or (pod.state == "idle" and pod.idle_s < idle_timeout_s))
        for pod in alive
        if pod.revision != load.current
    )


def _plan_current(
    load: FunctionLoad, mine: Sequence[PodLoad], idle_timeout_s: float
) -> ScalingPlan:
    """Starts, replacements and pods to give back; idle victims are added afterwards."""
    owned = [pod for pod in mine if not pod.direct]
    asked = load.replicas.get(load.current, 0)
    over, owed = max(0, len(owned) - asked), max(0, asked - len(owned))
    if load.start_max == 0 or (load.makes_pods_directly and load.owed_s >= SLOW_S):
        # First taken back from the Deployment, then made directly: never both.
        asked, owed = min(asked, len(owned)), 0
    # A ReplicaSet with too many pods deletes Pending ones first.
    going = [pod for pod in owned if pod.pending and pod.is_good][:over]
    good = sum(pod.is_good for pod in mine) - len(going)
    wanted = count_wanted(load, idle_timeout_s)

    missing = max(0, wanted - good - owed)
    start = missing if load.start_max is None else min(missing, _count_allowed(load, mine, owed))
    dead = [pod for pod in owned if pod.restarted and not pod.draining]
    replaced, marked = dead[:start], dead[start:]
    start -= len(replaced)

    # Keep what the next burst, which the last moments let expect, would ask for again.
    lately = replace(load, waiting=max(load.waiting, load.waiting_lately))
    surplus = max(0, good + owed - count_wanted(lately, idle_timeout_s))
    given_back = min(owed, surplus) if load.owed_s >= OWED_S else 0
    withdrawn = _choose_withdrawn(mine, going, max(0, surplus - given_back))
    fallen = asked - given_back - sum(not pod.direct for pod in withdrawn)
    if fallen == asked and not start:
        fallen -= _count_left(owned, asked)
    return ScalingPlan(
        replicas={load.current: fallen} if fallen != load.replicas.get(load.current, 0) else {},
        start=start,
        drain=tuple(pod.name for pod in marked),
        delete=tuple(pod.name for pod in replaced) + _list_dead_direct(mine),
        withdraw=tuple(pod.name for pod in withdrawn if pod.direct),
    )


def _count_allowed(load: FunctionLoad, mine: Sequence[PodLoad], owed: int) -> int:
    """How many more may be starting now (S9)."""
    unproved = sum(pod.is_good and pod.state not in ("idle", "busy") for pod in mine)
    return max(0, (load.start_max or 0) - unproved - owed)


def _choose_withdrawn(
    mine: Sequence[PodLoad], going: Sequence[PodLoad], count: int
) -> list[PodLoad]:
    """Pods to give back (S8), direct ones first; the same ones each time it is called."""
    candidates = [pod for pod in mine if pod.can_be_withdrawn and pod not in going]
    candidates.sort(key=lambda pod: not pod.direct)
    return candidates[:count]


def _count_left(owned: Sequence[PodLoad], asked: int) -> int:
    """How many victims of a Deployment have left, so that replicas may fall (S4, S5)."""
    if len(owned) < asked or any(pod.pending for pod in owned):
        return 0
    gone = sum(pod.is_gone for pod in owned)
    # Pods beyond the replicas are victims that the ReplicaSet is about to delete.
    return max(0, gone - (len(owned) - asked))


def _list_dead_direct(pods: Sequence[PodLoad]) -> tuple[str, ...]:
    return tuple(pod.name for pod in pods if pod.direct and (pod.is_gone or pod.restarted))


def _choose_idle(
    load: FunctionLoad, mine: Sequence[PodLoad], plan: ScalingPlan, idle_timeout_s: float
) -> tuple[str, ...]:
    """Environments that have been idle for too long (S3, S4)."""
    if load.waiting or plan.start:
        return ()
    owned = [pod for pod in mine if not pod.direct]
    is_settled = len(owned) >= load.replicas.get(load.current, 0) and not any(
        pod.pending for pod in owned
    )
    staying = [pod for pod in mine if pod.is_good and not pod.pending]
    spare = len(staying) - max(
        count_wanted(load, idle_timeout_s),
        sum(pod.state in ("busy", "starting") for pod in staying),
    )
    expired = [
        pod
        for pod in staying
        if pod.state in ("idle", "unlinked")
        and pod.idle_s >= idle_timeout_s
        and (pod.direct or is_settled)
    ]
    expired.sort(key=lambda pod: (not pod.direct, -pod.idle_s))
    return tuple(pod.name for pod in expired[: max(0, spare)])


def _plan_old(
    load: FunctionLoad, revision: str, alive: Sequence[PodLoad], idle_timeout_s: float
) -> ScalingPlan:
    """An older revision only shrinks (S6); its dead environments are drained, not replaced (S9)."""
    mine = [pod for pod in alive if pod.revision == revision]
    owned = [pod for pod in mine if not pod.direct]
    asked = load.replicas.get(revision, 0)
    # The ReplicaSet deletes Pending pods first, so they count as gone.
    target = min(asked, sum(not (pod.is_gone or pod.pending) for pod in owned))
    is_replaced = any(
        pod.revision == load.current and pod.state in ("idle", "busy") for pod in alive
    )
    victims = tuple(
        pod.name
        for pod in mine
        if not pod.draining
        and not pod.pending
        and (
            (pod.restarted and not pod.direct)
            or (
                pod.state in ("idle", "unlinked")
                and (not pod.usable or is_replaced or pod.idle_s >= idle_timeout_s)
            )
        )
    )
    return ScalingPlan(
        replicas={revision: target} if target != asked else {},
        drain=victims,
        delete=_list_dead_direct(mine),
        withdraw=tuple(pod.name for pod in mine if pod.direct and pod.pending),
    )
