"""The deadlines of the events in flight: one timer for all of them.

Contract: an event that is not answered in time is answered ``Sandbox.Timedout``, never before its
time and at most LOOK_S and a millisecond after it. Where the loop stood still (a stopped process, a
machine without time for it) what has arrived meanwhile is read first: an answer that came in time
counts. Lives on one event loop, whose clock is used.

A timer for each event would cost more than all else that is kept of it, and is cancelled as a rule.
Here a timer is armed for the earliest deadline at the moment, and stays when its event has ended:
when it goes off, what is late is answered and the then earliest is armed. So the timer is never
later than any deadline but for those two: the least pause between two looks, and the fraction of a
millisecond that uvloop's timers do not know.
"""

import asyncio
import math

from kubelambda.core.model.invocation import timed_out
from kubelambda.gateway.invocation import Invocation

LOOK_S = 0.02
"""The least time between two looks at all deadlines."""
_ROUNDED_S = 0.001
"""uvloop rounds to milliseconds; a look just before a deadline would be in vain."""
STOOD_STILL_S = 0.1
"""A look that comes so much too late finds sockets unread: uvloop runs timers before it reads."""


class EventDeadlines:
    """The events in flight of one gateway and when each of them is late."""

    def __init__(self) -> None:
        self._late_at: dict[Invocation, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = math.inf
        self._was_put_off = False

    def add(self, invocation: Invocation, late_at: float) -> None:
        """``invocation`` has begun, and is to be answered by ``late_at``."""
        self._late_at[invocation] = late_at
        if late_at < self._looks_at:
            self._arm(late_at)

    def discard(self, invocation: Invocation) -> None:
        """It has ended; harmless if it was late."""
        self._late_at.pop(invocation, None)

    def _arm(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = moment
        self._timer = asyncio.get_running_loop().call_at(moment + _ROUNDED_S, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now > self._looks_at + STOOD_STILL_S and not self._was_put_off:
            self._was_put_off = True
            self._arm(now + LOOK_S)
            return
        self._was_put_off = False
        for invocation in [one for one, late_at in self._late_at.items() if late_at <= now]:
            del self._late_at[invocation]
            # Each by itself, so that one that cannot be answered holds up no other.
            loop.call_soon(_time_out, invocation)
        self._timer, self._looks_at = None, math.inf
        if self._late_at:
            self._arm(max(min(self._late_at.values()), now + LOOK_S))


def _time_out(invocation: Invocation) -> None:
    invocation.finish(timed_out(invocation.request_id, invocation.function.timeout_s))
