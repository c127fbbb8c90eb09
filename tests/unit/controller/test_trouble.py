"""Why pods do not start, and when that is said."""

import pytest

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.controller.trouble import judge_pods, judge_refusal
from unit.controller.builders import NOW_S, make_pod

OLD = "2027-01-01T00:00:00Z"
YOUNG = "2027-01-15T07:59:58Z"

CASES = [
    ("ErrImagePull", Reason.IMAGE_PULL_FAILED),
    ("ImagePullBackOff", Reason.IMAGE_PULL_FAILED),
    ("CreateContainerConfigError", Reason.CONTAINER_CONFIG_ERROR),
    ("CrashLoopBackOff", Reason.CONTAINER_START_FAILED),
    ("Unschedulable", Reason.UNSCHEDULABLE),
]


@pytest.mark.parametrize(("waiting", "reason"), CASES)
def test_lasting_trouble_is_told_in_stable_words(waiting: str, reason: Reason) -> None:
    """Messages hold nothing that changes from try to try, so status does not flap."""
    pods = [make_pod(pending=True, created=OLD, trouble=(waiting, "back-off 40s"))]
    verdict = judge_pods(pods, [], NOW_S).verdict
    assert verdict.reason is reason
    assert "40s" not in verdict.message


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
        "a Secret or ConfigMap key that environment.valuesFrom names is missing",
    ),
]


@pytest.mark.parametrize(("message", "expected"), MISSING)
def test_what_is_missing_is_named(message: str, expected: str) -> None:
    trouble = ("CreateContainerConfigError", message)
    pods = [make_pod(pending=True, created=OLD, trouble=trouble)]
    assert judge_pods(pods, [], NOW_S).verdict.message == expected


def test_young_trouble_is_looked_at_again() -> None:
    pods = [make_pod(pending=True, created=YOUNG, trouble=("ErrImagePull", ""))]
    trouble = judge_pods(pods, [], NOW_S)
    assert trouble.verdict.reason is None
    assert trouble.revisit_s == pytest.approx(3.1)


def test_one_running_pod_means_that_the_function_can_start() -> None:
    pods = [make_pod(pending=True, created=OLD, trouble=("Unschedulable", "")), make_pod()]
    assert judge_pods(pods, [], NOW_S).verdict.reason is None


def test_an_evicted_pod_hides_no_trouble() -> None:
    """It is Failed, neither Pending nor running."""
    stuck = make_pod(pending=True, created=OLD, trouble=("Unschedulable", ""))
    verdict = judge_pods([make_pod(ended="Evicted"), stuck], [], NOW_S).verdict
    assert verdict.reason is Reason.UNSCHEDULABLE


def test_no_pods_mean_no_trouble() -> None:
    assert judge_pods([], [""], NOW_S).verdict.reason is None


REFUSALS = [
    ('pods "x" is forbidden: exceeded quota: q, requested: pods=1', Reason.QUOTA_EXCEEDED),
    ("maximum memory usage per Container is 64Mi, but limit is 128Mi", Reason.LIMIT_RANGE),
    ("violates PodSecurity", Reason.REFUSED),
]


@pytest.mark.parametrize(("message", "reason"), REFUSALS)
def test_a_refusal_is_told_by_its_cause(message: str, reason: Reason) -> None:
    assert judge_refusal(message).reason is reason
    assert judge_pods([], [message], NOW_S).verdict.reason is reason
