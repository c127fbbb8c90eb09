"""The one rule for what is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.backoff import add_jitter, exponential_delay_s


def test_a_delay_doubles_from_the_least_to_the_most() -> None:
    delays_s = [exponential_delay_s(failures, 0.5, 5.0) for failures in range(6)]
    assert delays_s == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


@given(failures=st.integers(-1, 10**9))
def test_any_number_of_failures_gives_a_delay_within_its_limits(failures: int) -> None:
    assert 0.2 <= exponential_delay_s(failures, 0.2, 300.0) <= 300.0


@given(chance=st.floats(0, 1, exclude_max=True))
def test_a_delay_with_jitter_is_at_least_half_of_it(chance: float) -> None:
    assert 5.0 <= add_jitter(10.0, chance) <= 10.0
