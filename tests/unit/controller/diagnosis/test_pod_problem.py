"""Why pods do not start, and when that is said."""

from typing import Any

import pytest

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.diagnosis.api_refusal import classify_refusal
from kubelambda.controller.diagnosis.pod_problem import diagnose_pods
from kubelambda.controller.diagnosis.start_report import StartReport
from kubelambda.controller.records.pod_record import PodRecord
from unit.controller.builders import NOW_S, make_pod

OLD = "2027-01-01T00:00:00Z"
YOUNG = "2027-01-15T07:59:58Z"

CASES = [
    ("ErrImagePull", Reason.IMAGE_PULL_FAILED),
    ("ImagePullBackOff", Reason.IMAGE_PULL_FAILED),
    ("CreateContainerConfigError", Reason.CONTAINER_CONFIG_ERROR),
    ("CrashLoopBackOff", Reason.CONTAINER_START_FAILED),
]


@pytest.mark.parametrize(("waiting", "reason"), CASES)
def test_lasting_trouble_is_told_in_stable_words(waiting: str, reason: Reason) -> None:
    """Messages hold nothing that changes from try to try, so status does not flap."""
    pods = [make_pod(pending=True, created=OLD, start_error=(waiting, "back-off 40s"))]
    problem = diagnose_pods(pods, [], NOW_S).problem
    assert problem.reason is reason
    assert "40s" not in problem.message


WHERE = "which environment.valuesFrom names; create it, or mark the reference as optional"
MISSING = [
    ('secret "db" not found', f"there is no Secret 'db', {WHERE}"),
    ('configmap "modes" not found', f"there is no ConfigMap 'modes', {WHERE}"),
    ("couldn't find key pw in Secret apps/db", f"the Secret 'db' has no key 'pw', {WHERE}"),
    (
        "couldn't find key m.txt in ConfigMap apps/modes",
        f"the ConfigMap 'modes' has no key 'm.txt', {WHERE}",
    ),
    (
        "failed to sync secret cache: timed out waiting for the condition",
        "a Secret or ConfigMap key that environment.valuesFrom names is missing; create it, or "
        "mark the reference as optional",
    ),
]


@pytest.mark.parametrize(("message", "expected"), MISSING)
def test_what_is_missing_is_named(message: str, expected: str) -> None:
    found = ("CreateContainerConfigError", message)
    pods = [make_pod(pending=True, created=OLD, start_error=found)]
    assert diagnose_pods(pods, [], NOW_S).problem.message == expected


def test_young_trouble_is_looked_at_again() -> None:
    pods = [make_pod(pending=True, created=YOUNG, start_error=("ErrImagePull", ""))]
    found = diagnose_pods(pods, [], NOW_S)
    assert found.problem is None
    assert found.revisit_s == pytest.approx(3.1)


def test_the_oldest_of_several_says_when_to_look_again() -> None:
    younger = "2027-01-15T08:00:00Z"
    pods = [
        make_pod(pending=True, created=created, start_error=("ErrImagePull", ""))
        for created in (YOUNG, younger)
    ]
    assert diagnose_pods(pods, [], NOW_S).revisit_s == pytest.approx(3.1)


def test_one_running_pod_means_that_the_function_can_start() -> None:
    pods = [make_pod(pending=True, created=OLD, start_error=("Unschedulable", "")), make_pod()]
    assert diagnose_pods(pods, [], NOW_S).problem is None


def test_an_evicted_pod_hides_no_trouble() -> None:
    """It is Failed, neither Pending nor running."""
    stuck = make_pod(pending=True, created=OLD, start_error=("Unschedulable", ""))
    problem = diagnose_pods([make_pod(ended="Evicted"), stuck], [], NOW_S).problem
    assert problem.reason is Reason.UNSCHEDULABLE


def test_no_pods_mean_no_trouble() -> None:
    assert diagnose_pods([], [""], NOW_S).problem is None


def unschedulable(message: str = "", **more: Any) -> PodRecord:
    return make_pod(pending=True, created=OLD, start_error=("Unschedulable", message), **more)


PREEMPTION = " preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
SCHEDULER = [
    ("0/1 nodes are available: 1 Insufficient memory." + PREEMPTION, "lower memorySize"),
    ("0/1 nodes are available: 1 Insufficient cpu." + PREEMPTION, "CPU request"),
    ("0/1 nodes are available: 1 Too many pods." + PREEMPTION, "as many pods as it takes"),
    (
        "0/1 nodes are available: 1 node(s) were unschedulable. preemption: 0/1 nodes are "
        "available: 1 Preemption is not helpful for scheduling.",
        "cordoned",
    ),
    (
        "0/1 nodes are available: 1 node(s) had untolerated taint "
        "{node.kubernetes.io/not-ready: }. preemption: 0/1 nodes are available.",
        "not ready",
    ),
    ("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: yes}.", "taint"),
    (
        "0/2 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/"
        "disk-pressure: }, 1 Insufficient memory.",
        "run short",
    ),
    ("no nodes available to schedule pods", "no node"),
]


@pytest.mark.parametrize(("message", "words"), SCHEDULER)
def test_the_scheduler_is_quoted_and_what_to_do_follows_from_its_words(
    message: str, words: str
) -> None:
    problem = diagnose_pods([unschedulable(message)], [], NOW_S).problem
    assert problem.reason is Reason.UNSCHEDULABLE
    assert problem.message.startswith("1 of 1 environment cannot be scheduled: ")
    assert message.split(". ", maxsplit=1)[0].rstrip(".") in problem.message
    assert words in problem.message
    assert "preemption" not in problem.message


@pytest.mark.parametrize("message", [SCHEDULER[3][0], SCHEDULER[4][0], SCHEDULER[2][0]])
def test_only_a_lack_of_memory_is_called_one(message: str) -> None:
    assert "memorySize" not in diagnose_pods([unschedulable(message)], [], NOW_S).problem.message


def test_a_function_with_a_running_environment_is_ready_and_says_what_it_lacks() -> None:
    """Entry 15: an environment that is ready serves, whatever else cannot be scheduled."""
    lacking = [unschedulable(SCHEDULER[0][0]) for _ in range(3)]
    found = diagnose_pods([make_pod(), *lacking], [], NOW_S)
    assert found.problem is None
    assert found.note.message.startswith("3 of 4 environments cannot be scheduled: 0/1 nodes")


def test_a_restarted_container_is_no_running_environment() -> None:
    found = diagnose_pods([make_pod(restarts=1), unschedulable()], [], NOW_S)
    assert found.problem.reason is Reason.UNSCHEDULABLE


REFUSALS = [
    (
        'pods "f-x-00001" is forbidden: exceeded quota: three, requested: pods=1, used: pods=3, '
        "limited: pods=3",
        Reason.QUOTA_EXCEEDED,
        "exceeded quota: three, requested: pods=1, used: pods=3, limited: pods=3",
    ),
    (
        'pods "f" is forbidden: failed quota: q: must specify requests.storage for: function',
        Reason.QUOTA_EXCEEDED,
        "must specify requests.storage",
    ),
    (
        'pods "f" is forbidden: [maximum memory usage per Container is 64Mi, but limit is 128Mi, '
        "maximum cpu usage per Container is 500m, but limit is 1]",
        Reason.LIMIT_RANGE,
        "maximum memory usage per Container is 64Mi, but limit is 128Mi",
    ),
    (
        'pods "f" is forbidden: minimum cpu usage per Pod is 100m, but request is 7m',
        Reason.LIMIT_RANGE,
        "minimum cpu usage per Pod is 100m",
    ),
    (
        'pods "f" is forbidden: cpu max limit to request ratio per Container is 4, but provided '
        "ratio is 142.857143",
        Reason.LIMIT_RANGE,
        "ratio per Container is 4",
    ),
    (
        'pods "f" is forbidden: violates PodSecurity "restricted:latest": seccompProfile',
        Reason.REFUSED,
        'refuses an object of this function: violates PodSecurity "restricted:latest"',
    ),
    (
        'pods "f" is forbidden: no PriorityClass with name low was found',
        Reason.REFUSED,
        "no PriorityClass with name low",
    ),
]


@pytest.mark.parametrize(("message", "reason", "words"), REFUSALS)
def test_a_refusal_is_told_in_the_words_of_the_api_server(
    message: str, reason: Reason, words: str
) -> None:
    """Whether a ReplicaSet heard it or we did, and without the name of the pod."""
    for found in (
        diagnose_pods([], [message], NOW_S),
        diagnose_pods([], [], NOW_S, start=StartReport(refusal=message)),
    ):
        assert found.problem.reason is reason
        assert words in found.problem.message
        assert 'pods "' not in found.problem.message
    assert classify_refusal(message).reason is reason


def test_with_three_pods_of_a_quota_running_the_function_is_ready() -> None:
    found = diagnose_pods([make_pod()], [], NOW_S, start=StartReport(refusal=REFUSALS[0][0]))
    assert found.problem is None
    assert "exceeded quota: three" in found.note.message


def test_environments_that_end_at_once_are_told_with_their_cause() -> None:
    """F11."""
    start = StartReport(failures=3, cause="OOMKilled, exit code 137", held_s=4.0)
    found = diagnose_pods([], [], NOW_S, start=start)
    assert found.problem.reason is Reason.CONTAINER_START_FAILED
    assert "3 environments in a row ended before being ready (OOMKilled, exit code 137)" in (
        found.problem.message
    )
    assert "raise memorySize" in found.problem.message
    assert found.revisit_s == pytest.approx(4.1)


def test_after_the_delay_the_next_request_may_try() -> None:
    """A stalled function is refused at once: without this nothing would ever ask again."""
    found = diagnose_pods([], [], NOW_S, start=StartReport(failures=3, cause="exit code 1"))
    assert found.problem is None
    assert found.note.message.endswith("; the next request starts another")


def test_a_stuck_start_that_was_given_back_still_has_its_reason() -> None:
    start = StartReport(failures=1, cause="ImagePullBackOff Back-off pulling image", held_s=1.0)
    problem = diagnose_pods([], [], NOW_S, start=start).problem
    assert problem.reason is Reason.IMAGE_PULL_FAILED
    assert "status.runtimeImage" in problem.message


def test_a_former_failure_hides_no_present_lack_of_room() -> None:
    start = StartReport(failures=1, cause="exit code 1")
    found = diagnose_pods([unschedulable(SCHEDULER[0][0])], [], NOW_S, start=start)
    assert found.problem.reason is Reason.UNSCHEDULABLE
