"""How a relayed event is answered: at its end, or at once with signs of life until then.

Contract: ``core.wire.relay``. One answer; whatever comes after it, or after the sender has gone, is
dropped. ``is_begun`` says that the event has been handed to an environment. A failure after that
closes the connection, since it must not be said that the event did not run (P1).
"""

import asyncio
from typing import Protocol

from kubelambda.core import errors
from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.relay import BEGUN_SIGN, SIGN_OF_LIFE, SIGN_OF_LIFE_S, RelayRequest
from kubelambda.core.wire.relay_outcome import (
    OUTCOME_HEADER,
    OUTCOME_IN_BODY,
    encode_outcome,
    encode_outcome_body,
)
from kubelambda.gateway.http.request import Request

_MISDIRECTED = 421


class RelayAnswer(Protocol):
    """The answer to one relayed event."""

    is_begun: bool

    def begin(self) -> None:
        """The event is handed to an environment now."""
        ...

    def complete(self, outcome: Outcome | ApiError | Dropped) -> None:
        """What became of it."""
        ...


class DirectAnswer:
    """An interim 102 when the event begins, and a 200 with the outcome."""

    def __init__(self, request: Request, version: int) -> None:
        self._request = request
        self._version = version
        self.is_begun = False

    def begin(self) -> None:
        """Write the interim answer."""
        self.is_begun = True
        self._request.announce()

    def complete(self, outcome: Outcome | ApiError | Dropped) -> None:
        """Write the outcome, or close without one."""
        if isinstance(outcome, Dropped):
            self._request.drop()
        elif isinstance(outcome, ApiError) and outcome.status == _MISDIRECTED:
            self._request.respond(_MISDIRECTED, [])
        else:
            header, body = encode_outcome(outcome, self._version)
            self._request.respond(200, [(OUTCOME_HEADER, header)], body)


class SignsOfLifeAnswer:
    """A 200 at once, and a sign of life each ``period_s`` until the outcome is there."""

    def __init__(self, request: Request, period_s: float = SIGN_OF_LIFE_S) -> None:
        self._request = request
        self._period_s = period_s
        self._timer: asyncio.TimerHandle | None = None
        self.is_begun = False
        request.begin(200, [(OUTCOME_HEADER, OUTCOME_IN_BODY)])
        self._show_life()

    def begin(self) -> None:
        """Write that the event has begun to run; the sender widens its lane then."""
        self.is_begun = True
        if not self._request.gone:
            self._request.send(BEGUN_SIGN)

    def complete(self, outcome: Outcome | ApiError | Dropped) -> None:
        """Write the outcome and end, or close without one."""
        self._stop()
        if isinstance(outcome, Dropped):
            self._request.drop()
            return
        self._request.send(encode_outcome_body(outcome))
        self._request.end()

    def _show_life(self) -> None:
        if not self._request.gone:
            self._request.send(SIGN_OF_LIFE)
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._period_s, self._show_life)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def open_answer(request: Request, relayed: RelayRequest) -> RelayAnswer:
    """The kind of answer that the sender of ``relayed`` has asked for."""
    if relayed.signs_of_life and not relayed.stream:
        return SignsOfLifeAnswer(request)
    return DirectAnswer(request, relayed.version)


def fail(answer: RelayAnswer) -> None:
    """After a bug of ours: an error if nothing has run, else no answer."""
    answer.complete(Dropped() if answer.is_begun else errors.internal())
