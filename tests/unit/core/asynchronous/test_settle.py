"""Rules S1 to S5 of core.settle."""

from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelambda.core.asynchronous.queue import QueuedEvent
from kubelambda.core.asynchronous.settle import (
    AGE_S_MAX,
    DEFER_S_MAX,
    Again,
    Dead,
    DeadLetterCondition,
    Done,
    Settlement,
    Wait,
    check_age,
    plan_delay_s,
    put_off,
    settle,
)
from kubelambda.core.errors import (
    ApiError,
    function_deleted,
    function_not_found,
    throttled,
    unavailable,
)
from kubelambda.core.model.invocation import Dropped, Outcome

FAILED = Outcome(b'{"errorType":"E"}', function_error=True)
THROTTLED = throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
UNKNOWN = function_not_found("arn")
DELETED = function_deleted("arn")
NOW = 1_000_000.0

Result = Outcome | ApiError | Dropped


def make_event(*, attempt: int = 1, deferrals: int = 0, age_s: float = 0.0) -> QueuedEvent:
    return QueuedEvent(
        "r", "n", "f", b"{}", accepted_at=NOW - age_s, attempt=attempt, deferrals=deferrals
    )


def settle_now(event: QueuedEvent, result: Result, chance: float = 0.5) -> Settlement:
    return settle(event, result, NOW, chance=chance)


def test_a_success_is_done() -> None:
    assert settle_now(make_event(), Outcome(b"1")) == Done()


@pytest.mark.parametrize(("attempt", "delay_s"), [(1, 60), (2, 120)])
def test_s1_a_function_error_is_run_again_after_one_and_two_minutes(
    attempt: int, delay_s: float
) -> None:
    settled = settle_now(make_event(attempt=attempt), FAILED)
    assert isinstance(settled, Again)
    assert settled.successor.attempt == attempt + 1
    assert settled.successor.due_at == NOW + delay_s
    assert settled.successor.request_id == "r"


def test_s1_after_three_runs_it_is_dead_with_the_functions_own_words() -> None:
    settled = settle_now(make_event(attempt=3), FAILED)
    assert settled == Dead(DeadLetterCondition.RETRIES_EXHAUSTED, '{"errorType":"E"}')


@pytest.mark.parametrize("result", [unavailable("away"), Dropped(), UNKNOWN])
def test_s2_and_s5_errors_of_the_platform_use_no_attempt(result: Result) -> None:
    for attempt in (1, 2, 3):
        settled = settle_now(make_event(attempt=attempt), result)
        assert isinstance(settled, Again)
        assert settled.successor.attempt == attempt
        assert settled.successor.deferrals == 1


def test_s2_a_throttled_event_waits_in_its_lane() -> None:
    assert settle_now(make_event(), THROTTLED) == Wait()


def test_s2_delays_double_up_to_five_minutes_and_are_spread() -> None:
    def plan(deferrals: int, chance: float) -> float:
        return plan_delay_s(make_event(deferrals=deferrals), chance)

    assert [plan(deferrals, 1.0) for deferrals in range(4)] == [1, 2, 4, 8]
    assert [plan(deferrals, 0.0) for deferrals in range(4)] == [0.5, 1, 2, 4]
    assert plan(10_000, 1.0) == DEFER_S_MAX


@pytest.mark.parametrize("result", [FAILED, unavailable("away")])
def test_s3_a_retry_that_would_come_too_late_is_not_waited_for(result: Result) -> None:
    settled = settle_now(make_event(age_s=AGE_S_MAX - 0.4), result)
    assert isinstance(settled, Dead)
    assert settled.condition is DeadLetterCondition.EVENT_AGE_EXCEEDED


def test_s3_an_event_that_grew_too_old_while_it_waited_is_dead() -> None:
    old = make_event(age_s=AGE_S_MAX + 1)
    assert isinstance(settle_now(old, THROTTLED), Dead)
    assert isinstance(check_age(old, NOW), Dead)
    assert isinstance(put_off(old, NOW, 1.0), Dead)
    assert check_age(make_event(age_s=AGE_S_MAX - 1), NOW) is None


def test_s4_only_the_events_of_a_function_that_was_seen_deleted_are_dropped() -> None:
    assert settle_now(make_event(), DELETED) == Done(dropped=True)


def test_s4_an_event_whose_function_never_becomes_known_is_put_off_and_then_dead() -> None:
    """No event is dropped because of a plain 404: an envelope without uid, a gateway that lags."""
    event, now, settled = make_event(), NOW, cast("Settlement", Done())
    for _ in range(1_000):
        settled = settle(event, UNKNOWN, now, chance=0.5)
        if not isinstance(settled, Again):
            break
        event, now = settled.successor, settled.successor.due_at
    assert settled == Dead(DeadLetterCondition.EVENT_AGE_EXCEEDED, UNKNOWN.message)
    assert now - NOW > AGE_S_MAX - DEFER_S_MAX


RESULTS = st.sampled_from(
    [Outcome(b"1"), FAILED, THROTTLED, unavailable("away"), Dropped(), UNKNOWN, DELETED]
)


@settings(deadline=None)  # on a loaded machine any example may take long
@given(st.lists(st.tuples(RESULTS, st.floats(0, 1, exclude_max=True)), min_size=1, max_size=200))
def test_every_event_ends_or_goes_on_and_never_both(results: list[tuple[Result, float]]) -> None:
    """P2: at most three runs by function errors, each successor later than its predecessor."""
    event, now, errors = make_event(), NOW, 0
    for result, chance in results:
        errors += result is FAILED
        settled = settle(event, result, now, chance=chance)
        if isinstance(settled, Wait):
            now += 1.0
            continue
        if not isinstance(settled, Again):
            assert isinstance(settled, Dead) or result in (Outcome(b"1"), DELETED)
            break
        assert settled.successor.due_at > now
        assert settled.successor.message_id != event.message_id
        assert settled.successor.due_at - settled.successor.accepted_at <= AGE_S_MAX
        event, now = settled.successor, settled.successor.due_at
    assert errors <= 3


@settings(deadline=None)  # on a loaded machine any example may take long
@given(st.lists(st.lists(RESULTS, max_size=8), max_size=20))
def test_nothing_is_lost_whatever_the_results(runs: list[list[Result]]) -> None:
    """P2: enqueued = in flight + done + dead + dropped, and dropped only after ``is_gone``."""
    in_flight = done = dead = dropped = gone = 0
    for results in runs:
        event: QueuedEvent | None = replace(make_event(), request_id=f"r-{len(results)}")
        for result in results:
            if event is None:
                break
            settled = settle(event, result, event.due_at or NOW, chance=0.5)
            gone += result is DELETED
            done += settled == Done()
            dropped += settled == Done(dropped=True)
            dead += isinstance(settled, Dead)
            if isinstance(settled, Again):
                event = settled.successor
            elif not isinstance(settled, Wait):
                event = None
        in_flight += event is not None
    assert len(runs) == in_flight + done + dead + dropped
    assert dropped == gone
