"""An invocation on its way: from admission to the answer.

Contract: answered exactly once, whoever comes first; everything after the first answer is dropped.
Lives on the event loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from kubelambda.core.errors import ApiError
from kubelambda.core.function import Function
from kubelambda.core.invocation import Outcome

Answer = Callable[[Outcome | ApiError], None]


@dataclass(slots=True, eq=False)
class Invocation:
    """What one caller wants of one function. ``answer`` is called once, on the loop."""

    request_id: str
    function: Function
    invoked_arn: str
    payload: bytes = field(repr=False)
    trace_id: str
    client_context: str
    wants_tail: bool
    answer: Answer = field(repr=False)
    answered: bool = False
    begun: bool = False
    """Handed to an environment: from here on nothing is a 5xx any more."""
    timer: asyncio.TimerHandle | None = None
    on_released: Callable[[], None] | None = None
    """Gives the slot back; set when the invocation is counted."""

    def finish(self, outcome: Outcome | ApiError) -> None:
        """Answer the caller, unless that has been done."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if not self.answered:
            self.answered = True
            self.answer(outcome)
        if not self.begun:
            self.release()

    def release(self) -> None:
        """Give the slot back: never begun, or its environment is idle or dead. Once only."""
        on_released, self.on_released = self.on_released, None
        if on_released is not None:
            on_released()
