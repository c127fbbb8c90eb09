"""Decides what happens to each function, given the snapshots of all of them.

Contract: no I/O; keeps the rate limits of starts and nothing else, time comes in. What a function
needs is decided by ``core.capacity.scaling``, which environments make room for others by
``core.capacity.preemption``; starts are then limited to what the rates allow. A bug with one
function leaves that function as it is and does not stop the others.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from kubelambda.controller.scaling.decision import Decision
from kubelambda.controller.scaling.snapshots import FunctionSnapshot, build_preemption_load
from kubelambda.controller.scaling.start_rate_limiter import StartRateLimiter
from kubelambda.core.capacity.preemption import choose_victims
from kubelambda.core.capacity.scaling import ScalingPlan, plan_scaling, split_start

logger = logging.getLogger(__name__)


class Decider:
    """One for the cluster, since rates are shared by all functions."""

    def __init__(self, deployment_per_s: float, direct_per_s: float) -> None:
        self._rate_limiter = StartRateLimiter(deployment_per_s, direct_per_s)

    def decide(
        self,
        snapshots: Sequence[FunctionSnapshot],
        edited: Mapping[str, Mapping[str, int]],
        now: float,
        *,
        idle_s: float,
        is_resting: Callable[[str], bool],
    ) -> list[Decision]:
        """A decision, perhaps an empty one, for each function that is not resting.

        ``edited``: replicas to put back, by the function's uid and the revision. ``idle_s``: for
        how long an environment may be idle.
        """
        victims = _choose_victims(snapshots)
        decisions = [
            Decision(snapshot, plan, victims.get(snapshot.record.uid, ()))
            for snapshot in snapshots
            if not is_resting(snapshot.record.uid)
            and (plan := _plan(snapshot, edited.get(snapshot.record.uid, {}), idle_s)) is not None
        ]
        return self._limit_starts(decisions, now)

    def _limit_starts(self, decisions: Sequence[Decision], now: float) -> list[Decision]:
        """Divide starts between Deployments and direct pods, as far as the rates allow."""
        tokens = self._rate_limiter.grant_deployments(
            [
                (decision.snapshot, decision.plan.start)
                for decision in decisions
                if not decision.snapshot.load.makes_pods_directly
            ],
            now,
        )
        split = []
        for decision in decisions:
            granted = tokens.get(decision.snapshot.record.uid, 0)
            split.append(
                decision.with_start(*split_start(decision.snapshot.load, decision.plan, granted))
            )
        direct = self._rate_limiter.grant_direct(
            [(decision.snapshot, decision.direct) for decision in split], now
        )
        return [
            decision.limit_direct(direct.get(decision.snapshot.record.uid, 0)) for decision in split
        ]


def _choose_victims(snapshots: Sequence[FunctionSnapshot]) -> dict[str, tuple[str, ...]]:
    """Pods that make room for functions whose requests wait for it, by their function's uid."""
    if not any(snapshot.unscheduled and snapshot.load.waiting for snapshot in snapshots):
        return {}
    chosen: dict[str, tuple[str, ...]] = {}
    for key, pod in choose_victims([build_preemption_load(snapshot) for snapshot in snapshots]):
        uid = str(key)
        chosen[uid] = (*chosen.get(uid, ()), pod)
    return chosen


def _plan(
    snapshot: FunctionSnapshot, edited: Mapping[str, int], idle_s: float
) -> ScalingPlan | None:
    """What the function needs; replicas that somebody has edited are put back before anything else.

    None if a bug keeps that from being decided.
    """
    ref = snapshot.record.ref
    if edited:
        logger.info("%s: somebody has set replicas; putting back %s", ref, dict(edited))
        return ScalingPlan(replicas=dict(edited))
    try:
        return plan_scaling(snapshot.load, idle_s)
    except Exception:
        logger.exception("%s: a bug in scaling; looked at again in a second", ref)
        return None
