"""The response to one event, as the agent sends it: buffered, or passed on piece by piece.

Contract: docs/link.md, sections 5 and 6. The agent gets credit back for what has been stored in the
buffer, whose size is limited, or taken by the caller. A broken rule is a ProtocolError.
"""

from collections.abc import Callable
from typing import Any

from kubelambda.core.model.invocation import RESPONSE_BYTES_MAX, STREAM_BYTES_MAX, Outcome
from kubelambda.core.wire import frames
from kubelambda.core.wire.frames import ProtocolError
from kubelambda.gateway.invocation import ResponseStream

CREDIT_BYTES = 131_072


class IncomingResponse:
    """``stream`` takes the response while it is being produced; None if no caller wants that."""

    __slots__ = (
        "_bytes",
        "_function_error",
        "_is_open",
        "_is_streamed",
        "_parts",
        "_send",
        "_stream",
        "_unreturned_credit",
        "outcome",
    )

    def __init__(self, send: Callable[[bytes], None], stream: ResponseStream | None) -> None:
        self._send = send
        self._stream = stream
        self._is_open = False
        self._is_streamed = False
        self._function_error = False
        self._parts: list[bytes] = []
        self._bytes = 0
        self._unreturned_credit = 0
        self.outcome: Outcome | None = None

    def open(self, *, function_error: bool, is_streaming: bool) -> None:
        """The head has come; a caller who takes no stream gets the response at its end."""
        if self._is_open or self.outcome is not None:
            raise ProtocolError("a second response")
        self._is_open = True
        self._function_error = function_error
        if self._stream is not None and is_streaming:
            self._is_streamed = True
            self._stream.on_writable = self._return_credit
            self._stream.begin()

    def add(self, payload: bytes) -> None:
        """A piece of the body has come."""
        if not self._is_open:
            raise ProtocolError("a body without a response")
        self._bytes += len(payload)
        if self._bytes > (STREAM_BYTES_MAX if self._is_streamed else RESPONSE_BYTES_MAX):
            raise ProtocolError("a response over the limit")
        self._unreturned_credit += len(payload)
        if not self._is_streamed or self._stream is None:
            self._parts.append(payload)
        elif not self._stream.write(payload):
            return
        if self._unreturned_credit >= CREDIT_BYTES:
            self._return_credit()

    def close(self, error: Any) -> Outcome:
        """The end has come; the outcome of the event. ``error`` is what a stream broke off with."""
        if not self._is_open:
            raise ProtocolError("the end of no response")
        self._is_open = False
        if self._is_streamed:
            if not isinstance(error, str) or len(error) > RESPONSE_BYTES_MAX:
                raise ProtocolError("a malformed end of a response")
            self.outcome = Outcome(error.encode(), bool(error), streamed=True)
        else:
            body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self.outcome = Outcome(body, self._function_error)
        self._parts = []
        return self.outcome

    def _return_credit(self) -> None:
        credit, self._unreturned_credit = self._unreturned_credit, 0
        if credit and self._is_open:
            self._send(frames.encode_credit(credit))
