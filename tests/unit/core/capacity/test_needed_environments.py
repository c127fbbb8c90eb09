"""How many environments waiting requests can use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.capacity.needed_environments import BATCH_S, PATIENCE_S, count_needed

CASES = [
    ("unknown length: one each, as on AWS", (100, 2, None, 0.0), 102),
    ("long events: one each", (100, 2, 60.0, 0.0), 102),
    ("a hundred of a millisecond: one does it within a tenth of a second", (100, 0, 0.001, 0.0), 1),
    ("three hundred of them: three", (300, 0, 0.001, 0.0), 3),
    ("busy ones take what waits behind their event", (100, 3, 0.001, 0.0), 3),
    ("events of 50 ms share by two", (10, 0, 0.05, 0.0), 5),
    ("events as long as the share: one each", (10, 0, BATCH_S, 0.0), 10),
    ("nobody waits", (0, 3, 0.001, 0.0), 3),
    ("a queue that lasts doubles them", (90, 4, 0.001, PATIENCE_S), 8),
    ("but not beyond one each", (2, 4, 0.001, PATIENCE_S), 6),
    ("a lasting queue before the first is up", (90, 0, 0.001, PATIENCE_S), 1),
]


@pytest.mark.parametrize(
    ("arguments", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_need(arguments: tuple[int, int, float | None, float], expected: int) -> None:
    assert count_needed(*arguments) == expected


@given(
    st.integers(0, 500),
    st.integers(0, 500),
    st.one_of(st.none(), st.floats(0, 900)),
    st.floats(0, 60),
)
def test_never_fewer_than_are_busy_nor_more_than_one_each(
    waiting: int, busy: int, duration_s: float | None, waited_s: float
) -> None:
    needed = count_needed(waiting, busy, duration_s, waited_s)
    assert busy <= needed <= busy + waiting
    assert needed > 0 or not waiting


@given(st.integers(1, 500), st.floats(0.0001, 900))
def test_nobody_waits_longer_than_a_tenth_of_a_start_behind_others(
    waiting: int, duration_s: float
) -> None:
    needed = count_needed(waiting, 0, duration_s)
    behind = -(-waiting // needed) - 1
    assert behind * duration_s <= BATCH_S
