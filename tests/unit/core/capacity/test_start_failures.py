"""How long nothing is started after failures."""

from kubelambda.core.capacity.start_failures import (
    BACKOFF_S_MAX,
    StartFailures,
    record_failure,
)

NONE = StartFailures("r")


def test_without_failures_nothing_is_held() -> None:
    assert NONE.start_max(0.0) is None


def test_starts_are_held_and_then_one_is_tried() -> None:
    failed = record_failure(NONE, "r", begun_at=0.0, now=10.0, cause="exit code 1")
    assert failed.start_max(10.5) == 0
    assert failed.start_max(11.0) == 1
    assert failed.cause == "exit code 1"


def test_the_delay_doubles_up_to_its_bound() -> None:
    failures, now, delays = NONE, 0.0, []
    for _ in range(12):
        failures = record_failure(failures, "r", begun_at=now, now=now + 1, cause="")
        delays.append(failures.delay_s)
        now = failures.failed_at + failures.delay_s
    assert delays[:4] == [1, 2, 4, 8]
    assert delays[-1] == BACKOFF_S_MAX


def test_environments_that_were_started_together_count_once() -> None:
    failures = NONE
    for moment in (10.0, 10.1, 10.2):
        failures = record_failure(failures, "r", begun_at=5.0, now=moment, cause="x")
    assert (failures.count, failures.failed_at) == (1, 10.0)


def test_another_revision_starts_from_nothing() -> None:
    failed = record_failure(NONE, "r", begun_at=0.0, now=10.0, cause="")
    failed = record_failure(failed, "r", begun_at=11.0, now=12.0, cause="")
    assert record_failure(failed, "s", begun_at=13.0, now=14.0, cause="").count == 1
