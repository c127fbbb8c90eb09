"""The stages of cold starts."""

from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry

from kubelambda.controller.scaling.cold_start_metrics import ColdStartMetrics
from kubelambda.controller.scaling.snapshots import FunctionSnapshot
from kubelambda.core.capacity.function_load import FunctionLoad, PodLoad
from unit.controller.builders import make_pod, read

RECORD = read()
POD = make_pod(pending=True, node="", direct=True)
LOAD = PodLoad("pod-1", "r", pending=True, direct=True)


def snapshot(pod: Any = POD, load: PodLoad = LOAD) -> FunctionSnapshot:
    return FunctionSnapshot(
        RECORD, "r", FunctionLoad("r", {}, [load], waiting=1, waited_s=0.02), ((pod, load),)
    )


def sums(registry: CollectorRegistry) -> dict[str, float]:
    return {
        sample.labels["stage"]: round(sample.value, 3)
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_sum")
    }


def test_each_stage_is_the_time_since_the_one_before() -> None:
    registry = CollectorRegistry()
    cold_starts = ColdStartMetrics(registry)
    cold_starts.decided(snapshot())
    cold_starts.made(snapshot(), [POD], 100.0, 100.01)
    scheduled = replace(POD, node="n")
    running = replace(scheduled, pending=False)
    cold_starts.observe([snapshot(scheduled)], 100.05)
    cold_starts.observe([snapshot(scheduled)], 100.1)
    cold_starts.observe([snapshot(running, replace(LOAD, pending=False))], 100.45)
    cold_starts.observe([snapshot(running, replace(LOAD, pending=False, state="starting"))], 100.65)
    cold_starts.observe([snapshot(running, replace(LOAD, pending=False, state="busy"))], 100.7)
    cold_starts.observe([snapshot(running, replace(LOAD, pending=False, state="idle"))], 109.0)
    assert sums(registry) == {
        "planned": 0.02,
        "written": 0.01,
        "scheduled": 0.04,
        "running": 0.4,
        "linked": 0.2,
        "ready": 0.05,
    }


def test_a_pod_of_a_deployment_is_followed_from_when_replicas_rose() -> None:
    registry = CollectorRegistry()
    cold_starts = ColdStartMetrics(registry)
    cold_starts.raised(snapshot(), 100.0, 100.02)
    owned = replace(POD, direct=False)
    cold_starts.observe([snapshot(owned, replace(LOAD, direct=False))], 100.12)
    assert sums(registry) == {"written": 0.02, "seen": 0.1}


def test_of_what_has_gone_nothing_is_remembered() -> None:
    """Also where no environment of the raised Deployment ever became ready."""
    registry = CollectorRegistry()
    cold_starts = ColdStartMetrics(registry)
    cold_starts.raised(snapshot(), 100.0, 100.02)
    cold_starts.forget(set(), set())
    cold_starts.observe([snapshot(replace(POD, direct=False), replace(LOAD, direct=False))], 500.0)
    assert sums(registry) == {"written": 0.02}


def test_what_was_there_before_is_no_cold_start() -> None:
    registry = CollectorRegistry()
    ColdStartMetrics(registry).observe([snapshot(), snapshot(replace(POD, pending=False))], 100.0)
    assert sums(registry) == {}
