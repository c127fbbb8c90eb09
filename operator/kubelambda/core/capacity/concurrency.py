"""Whether one more invocation may begin (spec/lambda.md, section 4.4).

Contract: pure. Concurrency counts invocations in flight, including those that wait for a cold
start. Beyond a limit the answer is a throttle at once; nothing is queued.
"""

ACCOUNT_LIMIT = 1000
RESERVED_EXCEEDED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_EXCEEDED = "ConcurrentInvocationLimitExceeded"


def classify_throttle(
    in_flight: int,
    reserved: int | None,
    account_in_flight: int,
    account_unreserved: int = ACCOUNT_LIMIT,
) -> str:
    """Empty if one more invocation of a function may begin, else the throttle's Reason.

    ``in_flight`` counts its invocations, all versions together. ``reserved`` is its
    reservedConcurrentExecutions, or None if it draws on the account: of that, then,
    ``account_in_flight`` are the invocations of functions without a reservation, and
    ``account_unreserved`` is its limit less the sum of its reservations.
    """
    if reserved is not None:
        return RESERVED_EXCEEDED if in_flight >= reserved else ""
    return ACCOUNT_EXCEEDED if account_in_flight >= account_unreserved else ""
