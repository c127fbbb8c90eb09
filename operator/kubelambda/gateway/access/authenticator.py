"""The port that tells who sends a request.

Contract: a driver is given a request's method, path, query and headers, and its body if it signs
for that. It limits its own waiting and its own memory; it gives no principal that it is not sure
of. An exception is not a refusal: the request is answered 500, and nothing runs.
"""

from collections.abc import Awaitable
from typing import Protocol

from kubelambda.core.access.principal import ANONYMOUS, Principal
from kubelambda.core.errors import ApiError


class SignedRequest(Protocol):
    """What a driver sees of a request (``gateway.http.request``); it changes nothing of it."""

    method: bytes
    path: bytes
    """Raw, still encoded."""
    query: bytes
    headers: dict[bytes, bytes]
    """Names are lower-case."""
    body: bytes
    """Empty if it went over the limit, or is kept on disk."""


Caller = Principal | ApiError
"""Who it is, or the error that the request is answered with."""


class Authenticator(Protocol):
    """Tells who sends a request."""

    def authenticate(self, request: SignedRequest) -> Caller | Awaitable[Caller]:
        """At once if it is known at once, which costs an event nothing; else something to await."""
        ...


class AnonymousAuthenticator:
    """Every caller is anonymous, whatever its Authorization header says."""

    def authenticate(self, request: SignedRequest) -> Caller:
        """ANONYMOUS."""
        return ANONYMOUS
