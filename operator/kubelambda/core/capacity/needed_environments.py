"""How many environments the work of one function can use (DESIGN 4.2).

Contract: pure. Lambda starts one environment for each request that finds none, and so do we where
the length of an event is unknown or longer than BATCH_S. Short events share: an environment that is
about to start takes as many of them, one after the other, as it can finish within BATCH_S, so
nobody waits longer than that beyond the start itself. A queue that does not go down although its
environments run is a sign that events keep coming: then the environments double.
"""

import math

BATCH_S = 0.1
"""What a request may wait behind others: a tenth of an ordinary cold start."""
DURATION_S_MIN = 0.001
PATIENCE_S = 2.0
"""A queue that has lasted for so long wants more environments than its length says."""


def count_needed(waiting: int, busy: int, duration_s: float | None, waited_s: float = 0.0) -> int:
    """Environments for ``waiting`` requests beside the ``busy`` ones, which are counted too.

    ``waited_s``: for so long somebody has waited without a pause.
    """
    everyone = waiting + busy
    if duration_s is None or waiting == 0:
        return everyone
    share = max(1, math.floor(BATCH_S / max(duration_s, DURATION_S_MIN)))
    needed = max(busy, math.ceil(everyone / share))
    if waited_s >= PATIENCE_S:
        needed = max(needed, 2 * busy)
    return min(everyone, max(1, needed))
