"""Answers of the API server become exceptions that callers can tell apart."""

import pytest

from kubelambda.kube import errors

CASES = [
    (400, "BadRequest", errors.InvalidError),
    (401, "Unauthorized", errors.KubeError),
    (403, "Forbidden", errors.ForbiddenError),
    (404, "NotFound", errors.NotFoundError),
    (409, "AlreadyExists", errors.AlreadyExistsError),
    (409, "Conflict", errors.ConflictError),
    (422, "Invalid", errors.InvalidError),
    (429, "TooManyRequests", errors.TooManyRequestsError),
    (500, "InternalError", errors.UnavailableError),
    (503, "", errors.UnavailableError),
]


@pytest.mark.parametrize(("status", "reason", "kind"), CASES)
def test_each_answer_has_its_exception(status: int, reason: str, kind: type[Exception]) -> None:
    error = errors.classify_error(status, reason, "words", 2.0)
    assert type(error) is kind
    assert error.message == "words"


def test_too_many_requests_says_how_long_to_wait() -> None:
    error = errors.classify_error(429, "", "", 2.5)
    assert isinstance(error, errors.TooManyRequestsError)
    assert error.retry_after_s == 2.5
