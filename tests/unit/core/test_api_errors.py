"""Errors have AWS's status, text and casing of the message member (spec 2.6)."""

import json

import pytest

from kubelambda.core import errors
from kubelambda.core.capacity.concurrency import classify_throttle
from kubelambda.core.errors import ApiError
from kubelambda.core.model.invocation import killed, timed_out


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            errors.function_not_found("arn:x:$LATEST"),
            404,
            {"Type": "User", "Message": "Function not found: arn:x:$LATEST"},
        ),
        (
            errors.throttled("ReservedFunctionConcurrentInvocationLimitExceeded"),
            429,
            {
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "Type": "User",
                "message": "Rate Exceeded.",
            },
        ),
        (
            errors.request_too_large(6_291_456),
            413,
            {
                "Type": "User",
                "message": "Request must be smaller than 6291456 bytes for the "
                "InvokeFunction operation",
            },
        ),
        (
            errors.pending(),
            409,
            {
                "Type": "User",
                "message": "The operation cannot be performed at this time. "
                "The function is currently in the following state: Pending",
            },
        ),
        (errors.unavailable("no"), 503, {"Type": "Server", "Message": "no"}),
    ],
)
def test_bodies_are_awss(error: ApiError, status: int, body: dict[str, str]) -> None:
    assert error.status == status
    assert json.loads(error.body()) == body


def test_a_validation_error_has_no_type() -> None:
    assert list(
        json.loads(
            errors.invalid_request([errors.Violation.no_match("functionName", "a/b", ".")]).body()
        )
    ) == ["message"]


def test_platform_payloads_are_exact() -> None:
    """Spec 2.5, byte for byte."""
    assert timed_out("id", 3).payload == (
        b'{"errorType":"Sandbox.Timedout",'
        b'"errorMessage":"RequestId: id Error: Task timed out after 3.00 seconds"}'
    )
    assert killed("id").payload == (
        b'{"errorType":"Runtime.ExitError",'
        b'"errorMessage":"RequestId: id Error: Runtime exited with error: signal: killed"}'
    )


@pytest.mark.parametrize(
    ("in_flight", "reserved", "account", "reason"),
    [
        (0, 0, 0, "ReservedFunctionConcurrentInvocationLimitExceeded"),
        (2, 2, 0, "ReservedFunctionConcurrentInvocationLimitExceeded"),
        (1, 2, 1000, ""),
        (5, None, 999, ""),
        (5, None, 1000, "ConcurrentInvocationLimitExceeded"),
    ],
)
def test_a_limit_throttles_with_its_own_reason(
    in_flight: int, reserved: int | None, account: int, reason: str
) -> None:
    """Spec 4.4: a reservation counts alone, others share the account."""
    assert classify_throttle(in_flight, reserved, account) == reason
