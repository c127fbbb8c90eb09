"""Whether one more invocation may begin (spec/lambda.md, section 4.4).

Contract: pure. Concurrency counts invocations in flight, including those that wait for a cold
start. Beyond a limit the answer is a throttle at once; nothing is queued.
"""

from dataclasses import dataclass

ACCOUNT_LIMIT = 1000
RESERVED_EXCEEDED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_EXCEEDED = "ConcurrentInvocationLimitExceeded"


@dataclass(frozen=True, slots=True)
class ConcurrencyState:
    """What counts at the moment of a request."""

    in_flight: int
    """Invocations of the function, all versions together."""
    reserved: int | None
    """reservedConcurrentExecutions; None if the function draws on the account."""
    account_in_flight: int
    """Invocations of the account's functions that have no reservation."""
    account_unreserved: int = ACCOUNT_LIMIT
    """The account's limit less the sum of its reservations."""


def classify_throttle(state: ConcurrencyState) -> str:
    """Empty if the invocation may begin, else the throttle's Reason."""
    if state.reserved is not None:
        return RESERVED_EXCEEDED if state.in_flight >= state.reserved else ""
    return ACCOUNT_EXCEEDED if state.account_in_flight >= state.account_unreserved else ""
