"""How many environments may be started now."""

from dataclasses import replace

from kubelambda.controller.loads import Look
from kubelambda.controller.start_pace import StartPace
from kubelambda.core.function import FunctionRef
from kubelambda.core.scaling import FunctionLoad
from unit.controller.builders import read


def look(namespace: str, name: str) -> Look:
    record = replace(read(uid=f"{namespace}/{name}"), ref=FunctionRef(namespace, name))
    return Look(record, "r", FunctionLoad("r", {}), ())


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
