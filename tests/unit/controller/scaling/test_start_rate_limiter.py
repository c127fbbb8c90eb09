"""How many environments may be started now."""

from dataclasses import replace

from kubelambda.controller.scaling.snapshots import FunctionSnapshot
from kubelambda.controller.scaling.start_rate_limiter import StartRateLimiter
from kubelambda.core.capacity.function_load import FunctionLoad
from kubelambda.core.model.function import FunctionRef
from unit.controller.builders import read


def snapshot(namespace: str, name: str, *, has_deployment: bool = True) -> FunctionSnapshot:
    record = replace(read(uid=f"{namespace}/{name}"), ref=FunctionRef(namespace, name))
    return FunctionSnapshot(record, "r", FunctionLoad("r", {"r": 0} if has_deployment else {}), ())


def test_a_namespace_with_much_demand_leaves_others_their_share() -> None:
    rate_limiter = StartRateLimiter(deployment_per_s=10, direct_per_s=100)
    wants = [(snapshot("big", "a"), 500), (snapshot("big", "b"), 500), (snapshot("small", "c"), 3)]
    granted = rate_limiter.grant_direct(wants, 1.0)
    assert granted["small/c"] == 3
    assert granted["big/a"] + granted["big/b"] == 197
    assert abs(granted["big/a"] - granted["big/b"]) <= 1


def test_what_is_used_up_comes_back_with_time() -> None:
    rate_limiter = StartRateLimiter(deployment_per_s=10, direct_per_s=100)
    wants = [(snapshot("n", "a"), 500)]
    assert rate_limiter.grant_deployments(wants, 1.0) == {"n/a": 10}
    assert rate_limiter.grant_deployments(wants, 1.0) == {"n/a": 0}
    assert rate_limiter.grant_deployments(wants, 1.5) == {"n/a": 5}


def test_new_deployments_are_fewer_than_new_replicas() -> None:
    """Entry 18: each costs the controller manager several requests."""
    rate_limiter = StartRateLimiter(deployment_per_s=10, direct_per_s=100)
    wants = [(snapshot("n", f"f{number}", has_deployment=False), 1) for number in range(300)]
    assert sum(rate_limiter.grant_deployments(wants, 1.0).values()) == 5
    assert sum(rate_limiter.grant_deployments(wants, 2.0).values()) == 2
    assert rate_limiter.grant_deployments([(snapshot("n", "old"), 3)], 2.0) == {"n/old": 3}
