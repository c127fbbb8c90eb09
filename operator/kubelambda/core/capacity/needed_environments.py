"""How many environments the work of one function can use.

Contract: pure. Lambda starts one environment for each request that finds none. So do we if the
duration of events is unknown or longer than BATCH_S. Short events share environments: one that is
about to start takes as many of them, one after the other, as it can finish within BATCH_S, so no
request waits longer than that beyond the start itself. If requests still wait after PATIENCE_S,
events keep arriving faster than they are served: then the number of environments is doubled.
"""

import math

BATCH_S = 0.1
"""How long a request may wait behind others: a tenth of an ordinary cold start."""
DURATION_S_MIN = 0.001
PATIENCE_S = 2.0
"""When requests have been waiting for so long, their number no longer says how many are needed."""


def count_needed(waiting: int, busy: int, duration_s: float | None, waited_s: float = 0.0) -> int:
    """How many environments ``waiting`` requests need in all, the ``busy`` ones included.

    ``waited_s``: for how long at least one request has been waiting without a pause.
    """
    everyone = waiting + busy
    if duration_s is None or waiting == 0:
        return everyone
    share = max(1, math.floor(BATCH_S / max(duration_s, DURATION_S_MIN)))
    needed = max(busy, math.ceil(everyone / share))
    if waited_s >= PATIENCE_S:
        needed = max(needed, 2 * busy)
    return min(everyone, max(1, needed))
