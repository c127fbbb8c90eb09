"""Rules S1 to S5 of core.settle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.errors import ApiError, function_not_found, throttled, unavailable
from kubelambda.core.invocation import Dropped, Outcome
from kubelambda.core.queue import QueuedEvent
from kubelambda.core.settle import (
    AGE_S_MAX,
    DEFER_S_MAX,
    Again,
    Condition,
    Dead,
    Done,
    settle,
)

FAILED = Outcome(b'{"errorType":"E"}', function_error=True)
THROTTLED = throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
NOW = 1_000_000.0


def make_event(*, attempt: int = 1, deferrals: int = 0, age_s: float = 0.0) -> QueuedEvent:
    return QueuedEvent(
        "r", "n", "f", b"{}", accepted_at=NOW - age_s, attempt=attempt, deferrals=deferrals
    )


def test_a_success_is_done() -> None:
    assert settle(make_event(), Outcome(b"1"), NOW) == Done()


@pytest.mark.parametrize(("attempt", "delay_s"), [(1, 60), (2, 120)])
def test_s1_a_function_error_is_run_again_after_one_and_two_minutes(
    attempt: int, delay_s: float
) -> None:
    settled = settle(make_event(attempt=attempt), FAILED, NOW)
    assert isinstance(settled, Again)
    assert settled.successor.attempt == attempt + 1
    assert settled.successor.due_at == NOW + delay_s
    assert settled.successor.request_id == "r"


def test_s1_after_three_runs_it_is_dead_with_the_functions_own_words() -> None:
    settled = settle(make_event(attempt=3), FAILED, NOW)
    assert settled == Dead(Condition.RETRIES_EXHAUSTED, '{"errorType":"E"}')


@pytest.mark.parametrize("result", [THROTTLED, unavailable("away"), Dropped()])
def test_s2_and_s5_throttles_and_platform_errors_use_no_attempt(
    result: ApiError | Dropped,
) -> None:
    for attempt in (1, 2, 3):
        settled = settle(make_event(attempt=attempt), result, NOW)
        assert isinstance(settled, Again)
        assert settled.successor.attempt == attempt
        assert settled.successor.deferrals == 1


def test_s2_delays_double_up_to_five_minutes() -> None:
    delays = []
    event = make_event()
    for _ in range(12):
        settled = settle(event, THROTTLED, NOW)
        assert isinstance(settled, Again)
        delays.append(settled.successor.due_at - NOW)
        event = settled.successor
    assert delays[:4] == [1, 2, 4, 8]
    assert delays[-1] == DEFER_S_MAX


@pytest.mark.parametrize("result", [FAILED, THROTTLED])
def test_s3_a_retry_that_would_come_too_late_is_not_waited_for(result: Outcome | ApiError) -> None:
    settled = settle(make_event(age_s=AGE_S_MAX - 0.5), result, NOW)
    assert isinstance(settled, Dead)
    assert settled.condition is Condition.EVENT_AGE_EXCEEDED


def test_s4_the_events_of_a_function_that_is_gone_are_dropped() -> None:
    assert settle(make_event(), function_not_found("arn"), NOW) == Done(dropped=True)


RESULTS = st.sampled_from([Outcome(b"1"), FAILED, THROTTLED, unavailable("away"), Dropped()])


@given(st.lists(RESULTS, min_size=1, max_size=200))
def test_every_event_ends_or_goes_on_and_never_both(
    results: list[Outcome | ApiError | Dropped],
) -> None:
    """P2: at most three runs by function errors, each successor later than its predecessor."""
    event, now, errors = make_event(), NOW, 0
    for result in results:
        errors += result is FAILED
        settled = settle(event, result, now)
        if not isinstance(settled, Again):
            assert isinstance(settled, Dead) or result == Outcome(b"1")
            break
        assert settled.successor.due_at > now
        assert settled.successor.message_id != event.message_id
        assert settled.successor.due_at - settled.successor.accepted_at <= AGE_S_MAX
        event, now = settled.successor, settled.successor.due_at
    assert errors <= 3
