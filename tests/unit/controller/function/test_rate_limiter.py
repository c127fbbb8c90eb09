"""Work that may wait comes one after the other at a pace."""

from kubelambda.controller.function.rate_limiter import FORGET_S, KeyedRateLimiter
from kubelambda.core.capacity.token_bucket import TokenBucket


def test_a_burst_is_at_once_and_the_rest_at_the_pace() -> None:
    turns = KeyedRateLimiter(TokenBucket(2.0, 3.0))
    assert [turns.wait_s(key, 100.0) for key in "abcde"] == [0.0, 0.0, 0.0, 0.5, 1.0]


def test_who_asks_again_keeps_the_turn_it_has() -> None:
    """However often an object changes meanwhile, it neither loses its turn nor takes others'."""
    turns = KeyedRateLimiter(TokenBucket(1.0, 1.0))
    assert turns.wait_s("a", 100.0) == 0.0
    for moment in (100.0, 100.25, 100.5):
        assert turns.wait_s("b", moment) == 101.0 - moment
    assert turns.wait_s("c", 100.5) == 1.5
    assert turns.wait_s("b", 101.0) == 0.0


def test_a_turn_is_used_up_when_it_has_come() -> None:
    turns = KeyedRateLimiter(TokenBucket(1.0, 1.0))
    assert turns.wait_s("a", 100.0) == 0.0
    assert turns.wait_s("a", 100.0) == 1.0


def test_a_turn_that_nobody_comes_back_for_is_forgotten() -> None:
    """Its object is gone: what is remembered of it would stay for ever."""
    turns = KeyedRateLimiter(TokenBucket(1.0, 1.0))
    turns.wait_s("a", 100.0)
    assert turns.wait_s("gone", 100.0) == 1.0
    assert turns.wait_s("late", 100.0) == 2.0
    assert turns.wait_s("late", 101.0 + FORGET_S) == 0.0
    assert not turns._due
