"""What to write for the NetworkPolicy of one namespace: decisions only.

Contract: pure; no action when what is there is as it should be.
"""

from dataclasses import dataclass

from kubelambda.controller.records.policy_record import PolicyRecord
from kubelambda.core.manifests.drift import find_drift
from kubelambda.kube.api import Manifest


@dataclass(frozen=True, slots=True)
class ApplyPolicy:
    """Server-side apply of a NetworkPolicy that is not there, or no longer bears our label."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class ReplacePolicy:
    """Rewrite the whole spec; ``drift`` is the first field that differed."""

    manifest: Manifest
    record: PolicyRecord
    drift: str


@dataclass(frozen=True, slots=True)
class DeletePolicy:
    """DELETE the NetworkPolicy of a namespace without functions."""

    record: PolicyRecord


def plan_policy(
    *,
    desired: Manifest,
    observed: PolicyRecord | None,
    has_functions: bool,
    accepted_digest: str = "",
) -> ApplyPolicy | ReplacePolicy | DeletePolicy | None:
    """What to do about a namespace's policy; None when all is well.

    ``accepted_digest`` is the digest with which it came back when it was last written: what still
    differs then is an admission webhook's doing, and is left to it.
    """
    if not has_functions:
        return DeletePolicy(observed) if observed is not None else None
    if observed is None:
        return ApplyPolicy(desired)
    if observed.digest == accepted_digest:
        return None
    kept = {"metadata": {"labels": desired["metadata"]["labels"]}, "spec": desired["spec"]}
    drift = find_drift(kept, observed.unpack()) or next(iter(observed.foreign), "")
    return ReplacePolicy(desired, observed, drift) if drift else None
