"""Answers to the Invoke operations: outcomes and refusals as HTTP, each counted by its outcome.

Contract: whoever delivers an outcome is not disturbed if the answer fails. An event that had begun
and whose outcome is unknown (Dropped) gets no answer: its connection is closed. Source:
spec/lambda.md, sections 2.4 to 2.6.
"""

import logging
from collections.abc import Callable

from kubelambda.core import errors
from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import Dropped, Outcome
from kubelambda.core.wire.event_stream import CONTENT_TYPE
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.invocation import Invocation
from kubelambda.gateway.invoke.failure import answer_error
from kubelambda.gateway.invoke.streaming import EventStream

logger = logging.getLogger(__name__)


class InvokeAnswers:
    """Answers requests; ``count`` gets the outcome of each."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count

    def count(self, outcome: Outcome) -> None:
        """Count an answer of the function, which has been given."""
        self._count("function_error" if outcome.function_error else "success")

    def drop(self, request: Request) -> None:
        """Close without an answer."""
        request.drop()
        self._count("dropped")

    def refuse(self, request: Request, error: ApiError) -> None:
        """Answer with ``error``."""
        answer_error(request, error)
        self._count("throttle" if error.status == 429 else f"error_{error.status}")

    def fail(self, request: Request) -> None:
        """Answer a request that could not be served because of an unexpected error."""
        self.refuse(request, errors.internal())

    def accept(self, request: Request, request_id: str) -> None:
        """202: an asynchronous event is durable."""
        request.respond(202, [("x-amzn-RequestId", request_id)])
        self._count("accepted")

    def confirm(self, request: Request, request_id: str) -> None:
        """204: a DryRun of what may be invoked."""
        request.respond(204, [("x-amzn-RequestId", request_id)])
        self._count("dry_run")


class Caller:
    """The client of one request, who is answered with the outcome of ``invocation``.

    An object instead of a closure, which would be slower: there is one for each event.
    """

    __slots__ = ("_answers", "_request", "invocation")

    invocation: Invocation
    """Set once it is made."""

    def __init__(self, answers: InvokeAnswers, request: Request) -> None:
        self._answers = answers
        self._request = request

    def answer(self, outcome: Outcome | ApiError | Dropped) -> None:
        """Answer with ``outcome``, in whatever form the caller has asked for."""
        try:
            if isinstance(outcome, Outcome):
                self._write(outcome)
                self._answers.count(outcome)
            elif isinstance(outcome, ApiError):
                self._answers.refuse(self._request, outcome)
            else:
                self._answers.drop(self._request)
        except Exception:
            logger.exception("request %s cannot be answered", self._request.request_id)
            self._answers.fail(self._request)

    def _write(self, outcome: Outcome) -> None:
        invocation = self.invocation
        if invocation.stream is not None:
            invocation.stream.complete(outcome)
        else:
            self._request.respond(200, write_headers(invocation, outcome), outcome.payload)


def open_stream(request: Request, invocation: Invocation) -> EventStream:
    """The answer to a request that wants the response while it is being produced."""
    return EventStream(request, f"Content-Type: {CONTENT_TYPE}\r\n{_describe(invocation)}")


def write_headers(invocation: Invocation, outcome: Outcome) -> str:
    """The headers of a complete answer, each with its line end.

    One text, since a list of headers costs four times as much; no value contains a line end.
    """
    lines = f"Content-Type: application/json\r\n{_describe(invocation)}"
    if outcome.function_error:
        lines += "X-Amz-Function-Error: Unhandled\r\n"
    if outcome.tail and invocation.wants_tail:
        lines += f"X-Amz-Log-Result: {outcome.tail}\r\n"
    return lines


def _describe(invocation: Invocation) -> str:
    return (
        f"x-amzn-RequestId: {invocation.request_id}\r\n"
        f"X-Amzn-Trace-Id: {invocation.trace_id}\r\n"
        f"X-Amz-Executed-Version: {invocation.function.version}\r\n"
    )
