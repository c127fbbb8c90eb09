"""Whether a principal may do something to a resource.

Contract: pure; decides from its arguments and from what the authorizer was made with. Only ALLOWED
allows: a driver that raises or returns anything else has refused. Source: spec/lambda.md, sections
2.6 and 8.2; what Invoke, InvokeWithResponseStream and InvokeAsync need is lambda:InvokeFunction
(the latter by its former page in the API reference).
"""

from typing import Final, Literal, Protocol

from kubelambda.core import errors
from kubelambda.core.access.principal import Principal
from kubelambda.core.access.resource import Resource
from kubelambda.core.errors import ApiError

Action = Literal["lambda:InvokeFunction", "lambda:ListFunctions", "kubelambda:PutPackage"]
"""AWS's names of actions; with ``kubelambda:`` what AWS does not have."""
INVOKE_FUNCTION: Final = "lambda:InvokeFunction"
LIST_FUNCTIONS: Final = "lambda:ListFunctions"
PUT_PACKAGE: Final = "kubelambda:PutPackage"

ALLOWED: Final = True
Decision = Literal[True] | ApiError
"""ALLOWED, or the error that the caller is answered with."""


class Authorizer(Protocol):
    """The one place where it is decided what callers may do."""

    def authorize(self, principal: Principal, action: Action, resource: Resource) -> Decision:
        """Whether ``principal`` may do ``action`` to ``resource``."""
        ...

    def may_allow(self, action: Action) -> bool:
        """Whether there can be a principal and a resource for which ``action`` is allowed.

        Asked before the body of a request is read, while its caller is not known yet.
        """
        ...


class AnonymousAuthorizer:
    """Anonymous callers may do everything, or nothing at all; other callers nothing."""

    def __init__(self, *, allows_anonymous: bool) -> None:
        self._allows_anonymous = allows_anonymous

    def authorize(self, principal: Principal, action: Action, resource: Resource) -> Decision:
        """ALLOWED or 403."""
        if self._allows_anonymous and principal.kind == "anonymous":
            return ALLOWED
        return errors.access_denied(principal.name, action, resource.arn)

    def may_allow(self, action: Action) -> bool:
        """The same for each action."""
        return self._allows_anonymous
