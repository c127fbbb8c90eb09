"""The token bucket."""

from kubelambda.core.pace import TokenBucket


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


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=1)
    assert bucket.reserve(10.0) == 0.0
    assert bucket.reserve(9.0) > 0.0
