"""An invocation on its way: from its acceptance to the answer.

Contract: answered exactly once, whoever comes first; everything after the first answer is dropped.
Lives on the event loop.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import Function
from kubelambda.core.model.invocation import Dropped, Outcome

Answer = Callable[[Outcome | ApiError | Dropped], None]


def _drop(_: Outcome | ApiError | Dropped) -> None:
    """Replaces an answer that was given, whose closure would keep a reference cycle alive."""


class ResponseStream(Protocol):
    """A caller who takes the response while it is being produced."""

    is_over: bool
    on_writable: Callable[[], None] | None
    """To be called when the caller takes more, after ``write`` or ``relay`` said no."""

    def begin(self) -> None:
        """The response begins."""
        ...

    def write(self, chunk: bytes) -> bool:
        """Send a piece of the response; returns whether the caller takes more now."""
        ...

    def relay(self, data: bytes) -> bool:
        """Send bytes that the function's own gateway has framed already; returns the same."""
        ...

    def resume(self) -> None:
        """The caller takes more again, or has gone."""
        ...

    def complete(self, outcome: Outcome) -> None:
        """Send what is left of the response, and its end."""
        ...

    def end(self) -> None:
        """The whole response has been relayed."""
        ...


class Slot(Protocol):
    """What an invocation counts for against the limits of concurrency."""

    def release(self) -> None:
        """Give it back."""
        ...


class Invocation:
    """What one caller wants of one function. ``answer`` is called once, on the loop.

    ``qualifier`` is as the caller gave it, ``kind`` is AWS's InvocationType. ``hops`` says how many
    gateways have handled it before this one. ``may_repeat``: the same request id may have been
    handed over before, so look for its result first. ``on_begun`` is called right before it is
    handed to an environment.
    """

    __slots__ = (
        "answer",
        "answered",
        "begun",
        "client_context",
        "function",
        "hops",
        "invoked_arn",
        "kind",
        "may_repeat",
        "on_abandoned",
        "on_begun",
        "payload",
        "qualifier",
        "request_id",
        "slot",
        "stream",
        "timer",
        "trace_id",
        "wants_tail",
    )

    def __init__(
        self,
        request_id: str,
        function: Function,
        qualifier: str,
        invoked_arn: str,
        payload: bytes,
        trace_id: str,
        client_context: str,
        wants_tail: bool,
        answer: Answer,
        kind: str = "RequestResponse",
        hops: int = 0,
        may_repeat: bool = False,
        on_begun: Callable[[], None] | None = None,
    ) -> None:
        self.request_id = request_id
        self.function = function
        self.qualifier = qualifier
        self.invoked_arn = invoked_arn
        self.payload = payload
        self.trace_id = trace_id
        self.client_context = client_context
        self.wants_tail = wants_tail
        self.answer = answer
        self.kind = kind
        self.stream: ResponseStream | None = None
        """Set if the caller wants the response while it is being produced."""
        self.hops = hops
        self.may_repeat = may_repeat
        self.on_begun = on_begun
        self.answered = False
        self.begun = False
        """Handed to an environment: from now on no outcome is answered as a 5xx."""
        self.timer: asyncio.TimerHandle | None = None
        """Runs while it waits for an environment."""
        self.slot: Slot | None = None
        """Set when it is counted."""
        self.on_abandoned: Callable[[], None] | None = None
        """Set by whoever holds it: what to do when the caller has gone."""

    def begin(self) -> None:
        """It is about to be handed to an environment."""
        self.begun = True
        if self.on_begun is not None:
            self.on_begun()

    def finish(self, outcome: Outcome | ApiError | Dropped) -> None:
        """Answer the caller, unless that has been done."""
        if self.timer is not None:
            self.stop_timer()
        if not self.answered:
            self.answered = True
            answer, self.answer = self.answer, _drop
            answer(outcome)
        if not self.begun:
            self.release()

    def share(self, other: "Invocation") -> None:
        """Let ``other``, of the same request id, begin and end with this one."""
        former, former_on_begun, answer = self.answer, self.on_begun, other.answer

        def answer_both(outcome: Outcome | ApiError | Dropped) -> None:
            former(outcome)
            answer(outcome)

        def begin_both() -> None:
            if former_on_begun is not None:
                former_on_begun()
            other.begin()

        self.answer, self.on_begun = answer_both, begin_both
        if self.begun:
            other.begin()

    def release(self) -> None:
        """Give the slot back, once: it never began, or its environment is idle or dead."""
        slot, self.slot = self.slot, None
        if slot is not None:
            slot.release()

    def leave(self) -> None:
        """The caller has gone; a response that is being made is not held up by him any more."""
        if self.on_abandoned is not None:
            self.on_abandoned()
        if self.stream is not None:
            self.stream.resume()

    def stop_timer(self) -> None:
        """Cancel its timer, if it has one."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
