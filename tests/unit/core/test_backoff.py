"""The one rule for what is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.backoff import double_delay_s, spread


def test_a_delay_doubles_from_the_least_to_the_most() -> None:
    assert [double_delay_s(one, 0.5, 5.0) for one in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


@given(failures=st.integers(-1, 10**9))
def test_any_number_of_failures_gives_a_delay_within_its_limits(failures: int) -> None:
    assert 0.2 <= double_delay_s(failures, 0.2, 300.0) <= 300.0


@given(chance=st.floats(0, 1, exclude_max=True))
def test_a_spread_delay_is_at_least_half_of_it(chance: float) -> None:
    assert 5.0 <= spread(10.0, chance) <= 10.0
