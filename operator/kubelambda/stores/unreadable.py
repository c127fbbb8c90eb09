"""Records of a queue that this release cannot read: counted each time, logged once (Q7).

Contract: for the drivers of ``core.asynchronous.queue.Queue``, which keep such records.
"""

import logging
from collections.abc import Callable

from kubelambda.core.asynchronous.queue import UnreadableEventError

logger = logging.getLogger(__name__)

REASONS_MAX = 20
"""How many different reasons are logged; whoever writes records could invent more without end."""


class UnreadableRecords:
    """``on_found`` is called each time such a record is looked at."""

    def __init__(self, on_found: Callable[[], None] | None) -> None:
        self._on_found = on_found
        self._logged: set[str] = set()

    def note(self, error: UnreadableEventError) -> None:
        """Note that a record was found that this release cannot read and keeps."""
        if self._on_found is not None:
            self._on_found()
        reason = str(error)
        if reason not in self._logged and len(self._logged) < REASONS_MAX:
            self._logged.add(reason)
            logger.warning(
                "the queue holds a record that this release cannot read (%s); it is kept for a "
                "release that can. Upgrade the dispatchers if the record is of a newer release",
                reason,
            )
