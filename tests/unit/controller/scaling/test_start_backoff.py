"""Starts that fail: what is counted, and for how long it is remembered."""

from dataclasses import replace
from typing import Any

import pytest

from kubelambda.controller.demand.link_states import LinkStates
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.scaling.start_backoff import (
    REFUSED_FORGET_S,
    REFUSED_S_MAX,
    STUCK_S,
    StartBackoff,
)
from kubelambda.core.capacity.function_load import PodLoad
from kubelambda.core.wire.demand import EnvironmentReport
from unit.controller.builders import make_pod, read

RECORD = read()
POD = make_pod()


class Watch:
    """Starts, with a clock and a list of the functions whose conditions may have changed."""

    def __init__(self) -> None:
        self.now = 100.0
        self.changed: list[str] = []
        self.link_states = LinkStates()
        self.start_backoff = StartBackoff(
            self.link_states, lambda record: self.changed.append(record.ref.name), lambda: self.now
        )

    def see(self, pod: PodRecord = POD, **more: Any) -> None:
        self.link_states.state_of(pod, None, self.now)
        load = PodLoad(pod.key[1], "r", **more)
        self.start_backoff.observe(RECORD, "r", [(pod, load)], self.now)

    @property
    def failures(self) -> int:
        return self.start_backoff.report(RECORD.uid).failures


FAILURES: list[tuple[str, dict[str, Any], int]] = [
    ("a container that was started again", {"restarted": True}, 1),
    ("a pod that has failed", {"failed": True}, 1),
    ("a pod that runs", {}, 0),
    ("a victim that ends as it should", {"failed": True, "draining": True}, 0),
    ("a pod that was deleted", {"failed": True, "terminating": True}, 0),
    ("one of another revision", {"failed": True, "revision": "old"}, 0),
]


@pytest.mark.parametrize(
    ("values", "expected"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
def test_what_counts_as_a_failed_start(values: dict[str, Any], expected: int) -> None:
    watch = Watch()
    load = PodLoad(**{"name": "pod-1", "revision": "r", **values})
    watch.start_backoff.observe(RECORD, "r", [(POD, load)], watch.now)
    assert watch.failures == expected
    assert watch.changed == ["hello"] * expected


def test_each_pod_counts_once() -> None:
    watch = Watch()
    for _ in range(3):
        watch.now += 100
        watch.see(failed=True)
    assert watch.failures == 1


def test_an_environment_that_has_served_may_end_without_being_a_failed_start() -> None:
    watch = Watch()
    watch.link_states.state_of(POD, EnvironmentReport("pod-1", "r", "d", "busy", 0.0), watch.now)
    watch.see(failed=True)
    assert watch.failures == 0


def test_one_that_becomes_ready_clears_the_count() -> None:
    watch = Watch()
    watch.see(failed=True)
    watch.see(make_pod(uid="another"), state="idle")
    assert watch.failures == 0
    assert watch.changed == ["hello", "hello"]


def test_what_a_node_cannot_start_counts_after_a_while() -> None:
    """As an image that cannot be pulled; one that the scheduler has no room for never does."""
    watch = Watch()
    stuck = replace(POD, pending=True, start_error=("ErrImagePull", "not found"))
    watch.see(stuck, stuck=True, pending=True)
    assert watch.failures == 0
    watch.now += STUCK_S
    watch.see(stuck, stuck=True, pending=True)
    assert watch.failures == 1
    assert watch.start_backoff.report(RECORD.uid).cause == "ErrImagePull not found"


def test_no_room_is_no_failure() -> None:
    watch = Watch()
    refused = replace(POD, pending=True, start_error=("Unschedulable", ""))
    watch.see(refused, stuck=True, pending=True)
    watch.now += 60
    watch.see(refused, stuck=True, pending=True)
    assert watch.failures == 0


def test_a_refusal_holds_starts_for_a_growing_time_and_is_forgotten() -> None:
    watch = Watch()
    for delay_s in (1.0, 2.0, 4.0):
        watch.start_backoff.refused(RECORD, "exceeded quota", watch.now)
        assert watch.start_backoff.start_max(RECORD, "r", watch.now + delay_s - 0.1) == 0
        assert watch.start_backoff.start_max(RECORD, "r", watch.now + delay_s) is None
        watch.now += delay_s
    assert watch.changed == ["hello"], "the same words change no condition"
    watch.now += REFUSED_S_MAX + REFUSED_FORGET_S
    watch.start_backoff.forget({RECORD.uid}, set(), watch.now)
    assert watch.start_backoff.report(RECORD.uid).refusal == ""
    assert watch.changed == ["hello", "hello"]


def test_a_pod_that_is_taken_ends_the_refusal() -> None:
    watch = Watch()
    watch.start_backoff.refused(RECORD, "exceeded quota", watch.now)
    watch.start_backoff.accepted(RECORD)
    assert watch.start_backoff.report(RECORD.uid).refusal == ""
