"""Which application serves a request, and how long its body may be: one set for each listener.

Contract: the public applications get the principal too, and ask the authorizer for themselves.
Routes are decided by the method and the raw path alone, before the body is read. No route is served
on both listeners. What no application knows is refused by the last of them, in its own words.
"""

from functools import cache
from typing import Protocol

from kubelambda.core.access.authorizer import ALLOWED, LIST_FUNCTIONS, PUT_PACKAGE, Authorizer
from kubelambda.core.access.principal import Principal
from kubelambda.core.access.resource import ANY_RESOURCE
from kubelambda.core.packages.store import PACKAGE_BYTES_MAX
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.http.request_reader import BodyRule
from kubelambda.gateway.invoke.failure import answer_error
from kubelambda.gateway.invoke.front_page import RenderPage, is_front_page, serve_front_page
from kubelambda.gateway.invoke.internal_api import InternalApi, limit_internal_body
from kubelambda.gateway.invoke.invoke_api import InvokeApi
from kubelambda.gateway.invoke.operations import limit_body
from kubelambda.gateway.packages.package_api import PackageApi, is_download, is_lookup, is_upload


class Door(Protocol):
    """An application beside the Lambda API: local mode's, for its objects."""

    def owns(self, path: bytes) -> bool:
        """Whether requests with this path are its own."""
        ...

    def limit_body(self, method: bytes, path: bytes) -> int:
        """How many bytes the body of such a request may have."""
        ...

    def serve(self, request: Request) -> None:
        """Answer ``request``, now or later."""
        ...


class PublicRoutes:
    """Clients: uploads of packages, the page at the root and the door if there are, and Invoke."""

    def __init__(
        self,
        invoke_api: InvokeApi,
        package_api: PackageApi,
        render_page: RenderPage | None,
        authorizer: Authorizer,
        *,
        keeps_packages: bool,
        door: Door | None = None,
    ) -> None:
        self._invoke_api = invoke_api
        self._package_api = package_api
        self._render_page = render_page
        self._authorizer = authorizer
        self._keeps_packages = keeps_packages
        self._door = door

    def serve(self, request: Request, principal: Principal) -> None:
        """Answer ``request`` of ``principal``, now or later."""
        if self._door is not None and self._door.owns(request.path):
            self._door.serve(request)
        elif request.method == b"POST":  # as all operations: nothing else is asked for an event
            self._invoke_api.serve(request, principal)
        elif is_upload(request.method, request.path):
            self._package_api.serve_upload(request, principal)
        elif self._render_page is not None and is_front_page(request):
            self._serve_page(request, principal, self._render_page)
        else:
            self._invoke_api.serve(request, principal)

    def rule_body(self, method: bytes, path: bytes, headers: dict[bytes, bytes]) -> BodyRule:
        """How the body of such a request is read."""
        if is_upload(method, path):
            is_taken = self._keeps_packages and self._authorizer.may_allow(PUT_PACKAGE)
            return BodyRule(PACKAGE_BYTES_MAX if is_taken else 0, is_upload=True)
        if self._door is not None and self._door.owns(path):
            return _rule_of(self._door.limit_body(method, path))
        return _rule_of(limit_body(method, path, headers))

    def _serve_page(self, request: Request, principal: Principal, render: RenderPage) -> None:
        """It tells which functions there are."""
        decision = self._authorizer.authorize(principal, LIST_FUNCTIONS, ANY_RESOURCE)
        if decision is ALLOWED:
            serve_front_page(request, render)
        else:
            answer_error(request, decision)


class InternalRoutes:
    """Our own processes: downloads, lookups of packages, relayed events and heartbeats."""

    def __init__(self, internal_api: InternalApi, package_api: PackageApi) -> None:
        self._internal_api = internal_api
        self._package_api = package_api

    def serve(self, request: Request) -> None:
        """Answer ``request``, now or later."""
        if is_download(request.method, request.path):
            self._package_api.serve_download(request)
        elif is_lookup(request.method, request.path):
            self._package_api.serve_lookup(request)
        else:
            self._internal_api.serve(request)

    def rule_body(self, method: bytes, path: bytes, headers: dict[bytes, bytes]) -> BodyRule:
        """How the body of such a request is read."""
        return _rule_of(limit_internal_body(method, path, headers))


@cache
def _rule_of(bytes_max: int) -> BodyRule:
    """There are as many as limits: half a dozen."""
    return BodyRule(bytes_max)
