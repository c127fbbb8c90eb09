"""How many environments may be started now."""

from dataclasses import replace

from kubelambda.controller.scaling.loads import Look
from kubelambda.controller.scaling.start_pace import StartPace
from kubelambda.core.capacity.function_load import FunctionLoad
from kubelambda.core.model.function import FunctionRef
from unit.controller.builders import read


def look(namespace: str, name: str, *, has_deployment: bool = True) -> Look:
    record = replace(read(uid=f"{namespace}/{name}"), ref=FunctionRef(namespace, name))
    return Look(record, "r", FunctionLoad("r", {"r": 0} if has_deployment else {}), ())


def test_a_namespace_with_much_demand_leaves_others_their_share() -> None:
    pace = StartPace(deployment_per_s=10, direct_per_s=100)
    wants = [(look("big", "a"), 500), (look("big", "b"), 500), (look("small", "c"), 3)]
    granted = pace.grant_direct(wants, 1.0)
    assert granted["small/c"] == 3
    assert granted["big/a"] + granted["big/b"] == 197
    assert abs(granted["big/a"] - granted["big/b"]) <= 1


def test_what_is_used_up_comes_back_with_time() -> None:
    pace = StartPace(deployment_per_s=10, direct_per_s=100)
    wants = [(look("n", "a"), 500)]
    assert pace.grant_deployments(wants, 1.0) == {"n/a": 10}
    assert pace.grant_deployments(wants, 1.0) == {"n/a": 0}
    assert pace.grant_deployments(wants, 1.5) == {"n/a": 5}


def test_new_deployments_are_fewer_than_new_replicas() -> None:
    """Entry 18: each costs the controller manager several requests."""
    pace = StartPace(deployment_per_s=10, direct_per_s=100)
    wants = [(look("n", f"f{number}", has_deployment=False), 1) for number in range(300)]
    assert sum(pace.grant_deployments(wants, 1.0).values()) == 5
    assert sum(pace.grant_deployments(wants, 2.0).values()) == 2
    assert pace.grant_deployments([(look("n", "old"), 3)], 2.0) == {"n/old": 3}
