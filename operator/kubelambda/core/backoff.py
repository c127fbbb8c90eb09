"""How long to wait before the next try: the one rule of exponential backoff and jitter.

Contract: pure; the random number comes in. The caller says how often it has failed, and between
which limits the delay grows.
"""

_DOUBLINGS_MAX = 16


def exponential_delay_s(failures: int, least_s: float, most_s: float) -> float:
    """``least_s`` after the first failure, twice as long after each further one, up to ``most_s``.

    ``failures``: how many came before the present one, so 0 gives ``least_s``.
    """
    return min(most_s, least_s * 2.0 ** min(max(failures, 0), _DOUBLINGS_MAX))


def add_jitter(delay_s: float, chance: float) -> float:
    """Between half of ``delay_s`` and the whole, so that many who wait do not return at once.

    ``chance`` is a random number of [0, 1).
    """
    return delay_s * (0.5 + 0.5 * chance)
