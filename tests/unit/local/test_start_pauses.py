"""A function whose environments fail to start is tried again, later each time."""

from kubelambda.core.model.function import FunctionRef
from kubelambda.local.environments.start_pauses import RETRY_S_MAX, RETRY_S_MIN, StartPauses

REF = FunctionRef("default", "hello")


def test_the_pause_begins_with_the_shortest_and_ends_at_its_time() -> None:
    pauses = StartPauses()
    assert pauses.may_start(REF, 100.0)
    assert pauses.note_failure(REF, 100.0) == RETRY_S_MIN
    assert not pauses.may_start(REF, 100.0 + RETRY_S_MIN / 2)
    assert pauses.may_start(REF, 100.0 + RETRY_S_MIN)


def test_each_failure_in_a_row_doubles_the_pause_up_to_the_longest() -> None:
    pauses = StartPauses()
    delays = [pauses.note_failure(REF, 0.0) for _ in range(9)]
    assert delays[:3] == [RETRY_S_MIN, 2 * RETRY_S_MIN, 4 * RETRY_S_MIN]
    assert delays[-1] == RETRY_S_MAX


def test_a_success_ends_the_pause_and_other_functions_have_none() -> None:
    pauses = StartPauses()
    pauses.note_failure(REF, 0.0)
    assert pauses.may_start(FunctionRef("default", "other"), 0.0)
    pauses.note_success(REF)
    assert pauses.may_start(REF, 0.0)
    assert pauses.note_failure(REF, 0.0) == RETRY_S_MIN
