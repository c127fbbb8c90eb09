"""Failures of requests to the API server, one class for each case that callers tell apart.

Contract: the only exceptions that leave ``kube``; each keeps its cause. ``reason`` and ``message``
are the API server's own words.
"""

Causes = tuple[tuple[str, str], ...]
"""The path of a field, and what is wrong with it."""


class KubeError(Exception):
    """A request to the API server did not succeed."""

    def __init__(
        self, message: str, *, status: int = 0, reason: str = "", causes: Causes = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.causes = causes
        """What the API server says about single fields; it says it in ``message``, too."""

    @property
    def is_of_ending_namespace(self) -> bool:
        """Whether the request was refused because its namespace is being deleted."""
        return "is being terminated" in self.message


class NotFoundError(KubeError):
    """404: there is no such object."""


class AlreadyExistsError(KubeError):
    """409 AlreadyExists: a POST met an object of that name."""


class ConflictError(KubeError):
    """409: the object changed since it was read, or a precondition did not hold."""


class ForbiddenError(KubeError):
    """403: RBAC, a quota, a LimitRange, Pod Security, or a namespace that is being deleted."""


class InvalidError(KubeError):
    """400 or 422: the API server refuses the content; repeating it cannot help."""


class ExpiredError(KubeError):
    """410: the version to watch from, or the rest of a list, is too old; list again."""


class TooManyRequestsError(KubeError):
    """429: wait ``retry_after_s`` first."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message, status=429, reason="TooManyRequests")
        self.retry_after_s = retry_after_s


class UnavailableError(KubeError):
    """No answer, or a 5xx: the request may have taken effect or not."""


class FencedError(KubeError):
    """The write was not sent, since this process may no longer hold the Lease."""


def classify_error(
    status: int, reason: str, message: str, retry_after_s: float, causes: Causes = ()
) -> KubeError:
    """The exception for an answer of the API server that is not a success."""
    if status == 409:
        kind = AlreadyExistsError if reason == "AlreadyExists" else ConflictError
        return kind(message, status=status, reason=reason)
    if status == 429:
        return TooManyRequestsError(message, retry_after_s=retry_after_s)
    if status in _KINDS:
        return _KINDS[status](message, status=status, reason=reason, causes=causes)
    if status >= 500:
        return UnavailableError(message, status=status, reason=reason)
    return KubeError(message, status=status, reason=reason)


_KINDS: dict[int, type[KubeError]] = {
    400: InvalidError,
    403: ForbiddenError,
    404: NotFoundError,
    410: ExpiredError,
    422: InvalidError,
}
