"""Reads the headers and the query of an Invoke request.

Contract: pure; for a value that Lambda refuses the result is the ApiError that Lambda answers, and
a value that Lambda ignores is left out. Source: spec/lambda.md, section 2.2.
"""

import base64
import re
from urllib.parse import parse_qs

from kubelambda.core import errors
from kubelambda.core.errors import ApiError
from kubelambda.core.payload import json_check
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.invoke.operations import Operation

CLIENT_CONTEXT_BYTES_MAX = 3_583
INVOCATION_TYPES = {
    "Invoke": ("RequestResponse", "Event", "DryRun"),
    "InvokeWithResponseStream": ("RequestResponse", "DryRun"),
    "InvokeAsync": ("Event",),
}
_TRACE_ID = re.compile(r"[A-Za-z0-9=;:._\-]{1,512}")


def read_invocation_type(request: Request, operation: Operation) -> str | ApiError:
    """AWS's InvocationType; the operation's usual one if the request names none."""
    allowed = INVOCATION_TYPES[operation.name]
    given = request.headers.get(b"x-amz-invocation-type")
    if not given:
        return allowed[0]
    kind = given.decode("latin-1")
    if operation.name == "InvokeAsync" or kind in allowed:
        return allowed[0] if operation.name == "InvokeAsync" else kind
    return errors.invalid_parameter(
        f"1 validation error detected: Value '{kind}' at 'invocationType' failed to "
        "satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
    )


def read_qualifier(request: Request) -> str:
    """The qualifier in the query; empty if there is none."""
    if not request.query:
        return ""
    return parse_qs(request.query.decode("latin-1")).get("Qualifier", [""])[0]


def read_client_context(request: Request) -> str | ApiError:
    """The JSON text that the base64 of X-Amz-Client-Context stands for."""
    given = request.headers.get(b"x-amz-client-context")
    if not given:
        return ""
    header = given.decode("latin-1")
    if len(header) > CLIENT_CONTEXT_BYTES_MAX:
        return errors.invalid_parameter("Client context must be at most 3583 bytes of base64")
    try:
        payload = base64.b64decode(header, validate=True)
        json_check.check_small(payload)
    except ValueError:  # no base64, characters beyond ASCII, or no JSON
        return ApiError(
            400,
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        )
    return payload.decode()


def read_trace_id(request: Request) -> str:
    """The caller's trace header; empty if there is none that may be passed on."""
    given = request.headers.get(b"x-amzn-trace-id")
    if not given:
        return ""
    header = given.decode("latin-1")
    return header if _TRACE_ID.fullmatch(header) else ""


def wants_log_tail(request: Request) -> bool:
    """Whether the caller wants the end of the log with the answer."""
    return request.headers.get(b"x-amz-log-type") == b"Tail"
