"""Responses that reach the caller while they are being produced.

Contract: the caller sees one event stream that ends with exactly one InvokeComplete, or a closed
connection. If the caller does not keep up, nothing more is read from the function (``write``
returns False); a caller who has gone does not hold up the function. Source: spec/lambda.md,
section 2.3.
"""

import json
from collections.abc import Callable
from typing import Protocol

from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.event_stream import CHUNK_BYTES_MAX, encode_chunk, encode_complete
from kubelambda.gateway.http.answer_encoding import Headers


class AnswerInParts(Protocol):
    """Where an event stream goes: a request's answer, or a stream between two gateways."""

    on_writable: Callable[[], None] | None

    @property
    def gone(self) -> bool:
        """Whether nobody waits for it any more."""
        ...

    def begin(self, status: int, headers: Headers) -> None:
        """Begin the answer."""
        ...

    def send(self, data: bytes) -> bool:
        """Send a part; False: wait for ``on_writable`` before the next one."""
        ...

    def end(self) -> None:
        """Nothing follows."""
        ...


class EventStream:
    """The answer to one streaming request; a driver of ``invocation.ResponseStream``."""

    def __init__(self, request: AnswerInParts, headers: Headers) -> None:
        self._request = request
        self._headers = headers
        self._begun = False
        self.is_over = False
        self.on_writable: Callable[[], None] | None = None
        request.on_writable = self.resume

    def begin(self) -> None:
        """Begin the answer; its status is 200, whatever happens later."""
        if not self._begun:
            self._begun = True
            self._request.begin(200, self._headers)

    def write(self, chunk: bytes) -> bool:
        """A piece of the function's response; False: more after ``on_writable``."""
        return self.relay(encode_chunk(chunk))

    def relay(self, data: bytes) -> bool:
        """Bytes that are already frames; ignored after the end."""
        if self.is_over:
            return True
        self.begin()
        return self._request.send(data) or self._request.gone

    def complete(self, outcome: Outcome) -> None:
        """What is left of the response, and the end; nothing if it has ended."""
        if self.is_over:
            return
        self.begin()
        failed = outcome.function_error
        if not outcome.streamed and not failed:
            for start in range(0, len(outcome.payload), CHUNK_BYTES_MAX):
                self.write(outcome.payload[start : start + CHUNK_BYTES_MAX])
        details = outcome.payload.decode("utf-8", "replace") if failed else ""
        code = _read_code(outcome) if failed else ""
        self.relay(encode_complete(log_result=outcome.tail, error_code=code, error_details=details))
        self.end()

    def end(self) -> None:
        """Nothing follows."""
        self.is_over = True
        self._request.end()

    def resume(self) -> None:
        """The caller has caught up, or gone."""
        if self.on_writable is not None:
            self.on_writable()


def _read_code(outcome: Outcome) -> str:
    """``Unhandled``, as for Invoke; if the stream broke off, the runtime's errorType."""
    if not outcome.streamed:
        return "Unhandled"
    try:
        return str(json.loads(outcome.payload)["errorType"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "Unhandled"
