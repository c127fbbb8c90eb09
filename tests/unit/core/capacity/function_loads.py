"""Loads of a function as the tests of scaling build them."""

from kubelambda.core.capacity.function_load import FunctionLoad, PodLoad
from kubelambda.core.capacity.scaling import (
    plan_scaling,
    split_start,
)

IDLE_S = 300.0
NOW = "rev-now"
OLD = "rev-old"


def pod(name: str, state: str = "busy", revision: str = NOW, **more: object) -> PodLoad:
    return PodLoad(name=name, revision=revision, state=state, **more)  # type: ignore[arg-type]


def load(*pods: PodLoad, replicas: dict[str, int] | None = None, **more: object) -> FunctionLoad:
    asked = {NOW: sum(made.revision == NOW for made in pods)} if replicas is None else replicas
    return FunctionLoad(current=NOW, replicas=asked, pods=pods, **more)  # type: ignore[arg-type]


def replicas(world: FunctionLoad, tokens: int = 1000) -> dict[str, int]:
    """Changed replicas where the pace of Deployments allows so many more."""
    plan = plan_scaling(world, IDLE_S)
    target, _ = split_start(world, plan, tokens)
    changed = {**plan.replicas, NOW: target}
    return {revision: count for revision, count in changed.items() if count is not None}
