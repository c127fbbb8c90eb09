"""Puts an authenticator in front of the applications of a listener.

Contract: an application gets no request without its principal. A request whose caller is not known
at once waits, AUTHENTICATION_S at most, and then 503; meanwhile its connection serves no other, and
its body stays charged to its client. If the client goes, nothing is served. Whatever goes wrong is
500 and nothing has run (rule A12).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from kubelambda.core import errors
from kubelambda.core.access.principal import Principal
from kubelambda.core.errors import ApiError
from kubelambda.gateway.access.authenticator import Authenticator, Caller
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.invoke.failure import answer_error, answer_failure
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

AUTHENTICATION_S: Final = 10.0

AuthenticatedApplication = Callable[[Request, Principal], None]


class Authentication:
    """An application of ``gateway.http.connection``, which hands on to ``application``."""

    def __init__(
        self,
        authenticator: Authenticator,
        application: AuthenticatedApplication,
        supervisor: Supervisor,
        wait_s: float = AUTHENTICATION_S,
    ) -> None:
        self._authenticator = authenticator
        self._application = application
        self._supervisor = supervisor
        self._wait_s = wait_s

    def serve(self, request: Request) -> None:
        """Find out who sends ``request``, then serve it."""
        caller = self._authenticator.authenticate(request)
        if isinstance(caller, Principal):
            self._application(request, caller)
        elif isinstance(caller, ApiError):
            answer_error(request, caller)
        else:
            self._serve_later(request, caller)

    def _serve_later(self, request: Request, waiting: Awaitable[Caller]) -> None:
        """Not in ``serve``, where a closure would cost each event something."""
        name = f"authenticating {request.method!r} {request.path!r}"
        work = self._wait(request, waiting)
        self._supervisor.spawn(name, work, on_error=lambda _: answer_failure(request))

    async def _wait(self, request: Request, waiting: Awaitable[Caller]) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                caller = await waiting
        except TimeoutError:
            logger.warning("%r %r: its caller cannot be found out", request.method, request.path)
            caller = errors.unavailable("it cannot be found out who sends this request")
        if request.gone:
            return
        if isinstance(caller, Principal):
            self._application(request, caller)
        elif isinstance(caller, ApiError):
            answer_error(request, caller)
        else:
            raise TypeError(f"{caller!r} is neither a principal nor an error")
