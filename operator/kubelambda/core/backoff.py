"""How long to wait before the next try: the one rule for everything that is tried again.

Contract: pure; chance comes in. Whoever waits says how often it has failed, and between which
limits the delay grows.
"""

_DOUBLINGS_MAX = 16


def double_delay_s(failures: int, least_s: float, most_s: float) -> float:
    """``least_s`` after the first failure, twice as long after each further one, up to ``most_s``.

    ``failures`` are those before the present one.
    """
    return min(most_s, least_s * 2.0 ** min(max(failures, 0), _DOUBLINGS_MAX))


def spread(delay_s: float, chance: float) -> float:
    """Between half of ``delay_s`` and the whole, so that what waits does not return in step.

    ``chance`` is a random number of [0, 1).
    """
    return delay_s * (0.5 + 0.5 * chance)
