"""How many environments may be started now: shared fairly by namespaces, then by functions.

Contract: lives on one event loop; no I/O, time comes in. Deployments get a rate that Kubernetes'
controller manager can follow: all ReplicaSets share one client of 20 requests a second. Further
environments become direct pods, at a rate that leaves the API server and our own client free.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from kubelambda.controller.scaling.snapshots import FunctionSnapshot
from kubelambda.core.capacity.token_bucket import TokenBucket, share_fairly

CREATION_COST = 4
"""A new Deployment costs the controller manager as much as so many replicas of an existing one."""
DIRECT_BURST_S = 2.0
"""The burst of direct pods, in seconds of their rate."""


class StartRateLimiter:
    """Token buckets of the whole cluster."""

    def __init__(self, deployment_per_s: float, direct_per_s: float) -> None:
        self._deployments = TokenBucket(deployment_per_s, max(1.0, deployment_per_s))
        creations_per_s = deployment_per_s / CREATION_COST
        self._creations = TokenBucket(creations_per_s, max(1.0, 2 * creations_per_s))
        self._direct = TokenBucket(direct_per_s, max(1.0, direct_per_s * DIRECT_BURST_S))

    def grant_deployments(
        self, wants: Sequence[tuple[FunctionSnapshot, int]], now: float
    ) -> dict[str, int]:
        """By how many replicas each function's Deployment may rise, by the function's uid."""
        new = [(snapshot, min(want, 1)) for snapshot, want in wants if not snapshot.has_deployment]
        created = _grant(self._creations, new, now)
        able = [
            (snapshot, want)
            for snapshot, want in wants
            if snapshot.has_deployment or created.get(snapshot.record.uid)
        ]
        return _grant(self._deployments, able, now)

    def grant_direct(
        self, wants: Sequence[tuple[FunctionSnapshot, int]], now: float
    ) -> dict[str, int]:
        """How many direct pods each function may get, by the function's uid."""
        return _grant(self._direct, wants, now)


def _grant(
    bucket: TokenBucket, wants: Sequence[tuple[FunctionSnapshot, int]], now: float
) -> dict[str, int]:
    by_namespace: dict[str, dict[str, int]] = defaultdict(dict)
    for snapshot, want in wants:
        if want > 0:
            by_namespace[snapshot.record.ref.namespace][snapshot.record.uid] = want
    totals: Mapping[str, int] = {
        namespace: sum(own.values()) for namespace, own in by_namespace.items()
    }
    shares = share_fairly(totals, bucket.take(sum(totals.values()), now))
    granted: dict[str, int] = {}
    for namespace, own in by_namespace.items():
        granted.update(share_fairly(own, shares[namespace]))
    return granted
