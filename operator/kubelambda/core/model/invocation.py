"""One synchronous invocation and the ways it can end.

Contract: values; outcomes are values, not exceptions. Payloads of platform errors are exact:
spec/lambda.md, section 2.5.
"""

import json
from dataclasses import dataclass

SYNC_REQUEST_BYTES_MAX = 6_291_456
RESPONSE_BYTES_MAX = 6_291_556
STREAM_BYTES_MAX = 209_715_200
TIMED_OUT = "Sandbox.Timedout"
EXIT_ERROR = "Runtime.ExitError"


@dataclass(slots=True)
class Outcome:
    """What the caller gets with status 200: the function's result, or a function error.

    Nobody changes one; a frozen dataclass would take three times as long to make.
    """

    payload: bytes
    function_error: bool = False
    tail: str = ""
    """Base64 of the end of the log, if the caller asked for it."""
    streamed: bool = False
    """The caller already has the response; ``payload`` is the error that the stream ended with."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """It is unknown how it ended: the caller's connection is closed without an answer (P1)."""


def timed_out(request_id: str, timeout_s: int) -> Outcome:
    """The event took longer than the function's timeout."""
    return _platform_error(
        TIMED_OUT, f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
    )


def killed(request_id: str) -> Outcome:
    """The environment was lost in the middle of the event."""
    return _platform_error(
        EXIT_ERROR, f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
    )


def _platform_error(error_type: str, message: str) -> Outcome:
    payload = json.dumps(
        {"errorType": error_type, "errorMessage": message}, separators=(",", ":")
    ).encode()
    return Outcome(payload, function_error=True)
