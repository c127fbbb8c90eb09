"""The token bucket."""

from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.capacity.token_bucket import TokenBucket, share_fairly


def test_a_burst_is_free_and_then_the_rate_holds() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=2)
    assert [bucket.reserve(5.0) for _ in range(4)] == [0.0, 0.0, 0.1, 0.2]


def test_tokens_grow_with_time_up_to_the_burst() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=5)
    assert bucket.take(100, 1.0) == 5
    assert bucket.take(100, 1.25) == 2
    assert bucket.take(100, 1000.0) == 5


def test_no_more_is_taken_than_wanted() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=5)
    assert bucket.take(3, 0.5) == 3
    assert bucket.take(3, 0.5) == 2


def test_a_bucket_that_began_at_zero_is_full_once_only() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=1)
    assert [bucket.reserve(0.0) for _ in range(3)] == [0.0, 0.1, 0.2]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=1)
    assert bucket.reserve(10.0) == 0.0
    assert bucket.reserve(9.0) > 0.0


def test_a_large_want_keeps_no_small_one_waiting() -> None:
    assert share_fairly({"many": 900, "few": 1, "some": 5}, 10) == {"few": 1, "some": 5, "many": 4}


@given(st.dictionaries(st.text(), st.integers(0, 50), max_size=8), st.integers(0, 100))
def test_what_is_shared_is_neither_lost_nor_more_than_there_is(
    wants: dict[str, int], available: int
) -> None:
    shares = share_fairly(wants, available)
    assert sum(shares.values()) == min(available, sum(wants.values()))
    assert all(0 <= shares[key] <= wants[key] for key in wants)


@given(st.dictionaries(st.text(), st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 100))
def test_who_gets_less_than_another_gets_all_it_wants(
    wants: dict[str, int], available: int
) -> None:
    shares = share_fairly(wants, available)
    for key, share in shares.items():
        assert share == wants[key] or share >= max(shares.values()) - 1
