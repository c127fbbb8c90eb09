"""Errors of the Lambda API: status, code, message, and how the body spells its members.

Contract: values only. Source: spec/lambda.md sections 2.4, 2.6, 4.5 and appendix A; the casing of
the message member differs by shape, and SDKs show the message only under the modelled name.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

CAPITAL_MESSAGE = frozenset(
    {
        "ResourceNotFoundException",
        "ServiceException",
        "ResourceInUseException",
        "AccessDeniedException",
        "UnknownOperationException",
    }
)
WITHOUT_TYPE = frozenset({"ValidationException", "AccessDeniedException"})


@dataclass(frozen=True, slots=True)
class ApiError:
    """One error answer; ``retry_after_s`` becomes a header, ``reason`` a member of the body."""

    status: int
    code: str
    message: str
    reason: str = ""
    retry_after_s: int | None = None
    is_gone: bool = False
    """Between our processes only: the deletion of what the caller named was seen (a function, a
    version or an alias), so it will not come back."""

    def body(self) -> bytes:
        """The JSON that AWS sends."""
        members: dict[str, str] = {}
        if self.reason:
            members["Reason"] = self.reason
        if self.code not in WITHOUT_TYPE:
            members["Type"] = "User" if self.status < 500 else "Server"
        members["Message" if self.code in CAPITAL_MESSAGE else "message"] = self.message
        return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Violation:
    """A member of a request and the rule of the service model that it breaks."""

    member: str
    """Its name in lower camel case."""
    value: str
    constraint: str

    @classmethod
    def too_long(cls, member: str, value: str, length_max: int) -> "Violation":
        """More than ``length_max`` characters."""
        rule = f"Member must have length less than or equal to {length_max}"
        return cls(member, value, rule)

    @classmethod
    def no_match(cls, member: str, value: str, pattern: str) -> "Violation":
        """Not of the form that ``pattern`` gives, which is quoted as AWS writes it."""
        return cls(member, value, f"Member must satisfy regular expression pattern: {pattern}")

    def describe(self) -> str:
        """The violation as a sentence in AWS's words."""
        return f"Value '{self.value}' at '{self.member}' failed to satisfy constraint: " + (
            self.constraint
        )


def function_not_found(arn: str) -> ApiError:
    """404; ``arn`` ends with the qualifier, which is ``$LATEST`` if the caller gave none."""
    return ApiError(404, "ResourceNotFoundException", f"Function not found: {arn}")


def function_deleted(arn: str) -> ApiError:
    """The same 404, if the catalog has seen the deletion of just what ``arn`` names."""
    return replace(function_not_found(arn), is_gone=True)


def version_of_alias_missing(arn: str, alias: str, version: str) -> ApiError:
    """404 for an alias whose version is gone; ``arn`` is the function's, unqualified.

    AWS cannot be in this state: it refuses to delete such a version (spec 7.1). The alias may be
    moved at any time, so nothing counts as gone.
    """
    error = function_not_found(f"{arn}:{version}")
    reason = f"the alias {alias} names version {version}, which does not exist"
    return replace(error, message=f"{error.message} ({reason})")


def wrong_region(given: str, own: str) -> ApiError:
    """404 for an ARN of another region."""
    return ApiError(
        404,
        "ResourceNotFoundException",
        f"Functions from '{given}' are not reachable in this region ('{own}')",
    )


def invalid_request(violations: Sequence[Violation]) -> ApiError:
    """400 that names all members that break the service model, not only the first."""
    count = len(violations)
    noun = "validation error" if count == 1 else "validation errors"
    sentences = "; ".join(violation.describe() for violation in violations)
    return ApiError(400, "ValidationException", f"{count} {noun} detected: {sentences}")


def access_denied(caller: str, action: str, arn: str) -> ApiError:
    """403 for a caller whom nothing allows ``action``; says nothing of what exists."""
    return ApiError(
        403,
        "AccessDeniedException",
        f"User: {caller} is not authorized to perform: {action} on resource: {arn} "
        f"because no identity-based policy allows the {action} action",
    )


def qualifier_mismatch() -> ApiError:
    """400 if path and query name different qualifiers."""
    return invalid_parameter(
        "The derived qualifier from the function name does not match the specified qualifier."
    )


def invalid_parameter(message: str) -> ApiError:
    """400 InvalidParameterValueException."""
    return ApiError(400, "InvalidParameterValueException", message)


def invalid_json(problem: str) -> ApiError:
    """400 for a payload that is not JSON."""
    return ApiError(
        400,
        "InvalidRequestContentException",
        "Could not parse request body into json: Could not parse payload into json: " + problem,
    )


def request_too_large(limit: int) -> ApiError:
    """413; as on AWS the code differs from the name of the modelled shape."""
    return ApiError(
        413,
        "RequestEntityTooLargeException",
        f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
    )


def throttled(reason: str) -> ApiError:
    """429 at once; Lambda never queues for a free slot."""
    return ApiError(429, "TooManyRequestsException", "Rate Exceeded.", reason=reason)


def pending() -> ApiError:
    """409 while a function is not ready for its first invocation."""
    return ApiError(
        409,
        "ResourceConflictException",
        "The operation cannot be performed at this time. "
        "The function is currently in the following state: Pending",
    )


def stalled(reason: str, message: str) -> ApiError:
    """502 for a function that cannot run until its owner changes something."""
    return ApiError(
        502, "ResourceNotReadyException", f"The function cannot run ({reason}): {message}"
    )


def unavailable(message: str, retry_after_s: int = 1) -> ApiError:
    """503 of the platform: nothing has run, and trying again is safe."""
    return ApiError(503, "ServiceException", message, retry_after_s=retry_after_s)


def internal() -> ApiError:
    """500 for a bug of the platform; the event may have run."""
    return ApiError(
        500, "ServiceException", "An internal error occurred; the gateway has logged it"
    )


def misdirected() -> ApiError:
    """421 between gateways: the receiver does not own the function; never shown to a client."""
    return ApiError(421, "ServiceException", "this gateway does not own the function")


def not_built(message: str) -> ApiError:
    """501: this release does not support the (well-formed) request; nothing was accepted."""
    return ApiError(501, "ServiceException", message)


def unknown_operation() -> ApiError:
    """404 for a path or method that is not an operation of this release."""
    return ApiError(
        404,
        "UnknownOperationException",
        "Unknown operation: kubelambda serves Invoke, InvokeWithResponseStream and InvokeAsync; "
        "functions are made and changed as LambdaFunction objects",
    )
