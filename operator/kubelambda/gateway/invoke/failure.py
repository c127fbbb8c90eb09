"""Errors of the Lambda API as answers, and the answer to a request that the platform failed.

Contract: every answer carries the request's id. ``answer_failure`` is for exceptions that nothing
else handles; its caller has logged them. The client gets one 500, or the end of its connection
if an answer had begun.
"""

import uuid

from kubelambda.core import errors
from kubelambda.core.errors import ApiError
from kubelambda.gateway.http.request import Request


def answer_failure(request: Request) -> None:
    """Answer 500, unless the request has been answered."""
    answer_error(request, errors.internal())


def answer_error(request: Request, error: ApiError) -> None:
    """Answer with ``error`` as the Lambda API words it."""
    headers = [
        ("Content-Type", "application/json"),
        ("x-amzn-RequestId", request.request_id or str(uuid.uuid4())),
        ("x-amzn-ErrorType", error.code),
    ]
    if error.retry_after_s is not None:
        headers.append(("Retry-After", str(error.retry_after_s)))
    request.respond(error.status, headers, error.body())
