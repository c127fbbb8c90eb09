"""Routes: each request is served by one application, on one listener, with a limit to its body."""

from typing import Any

import pytest

from kubelambda.core.access.authorizer import AnonymousAuthorizer
from kubelambda.core.access.principal import ANONYMOUS, Principal
from kubelambda.core.model.invocation import SYNC_REQUEST_BYTES_MAX
from kubelambda.core.packages.store import PACKAGE_BYTES_MAX
from kubelambda.core.wire.package_lookup import LOOKUP_BYTES_MAX, LOOKUP_PATH
from kubelambda.core.wire.package_transfer import PACKAGES_PATH, UPLOAD_PATH
from kubelambda.core.wire.relay import RELAY_PATH
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.http.request_reader import BodyRule
from kubelambda.gateway.peers.heartbeats import HEARTBEAT_BYTES_MAX, HEARTBEAT_PATH
from kubelambda.gateway.routes import InternalRoutes, PublicRoutes

INVOKE_PATH = "/2015-03-31/functions/hello/invocations"
NAME = "0" * 64


class Applications:
    """Stands for all applications; remembers which was asked."""

    def __init__(self) -> None:
        self.served: list[str] = []
        one: Any = self
        anyone = AnonymousAuthorizer(allows_anonymous=True)
        self.public = PublicRoutes(one, one, None, anyone, keeps_packages=True)
        self.internal = InternalRoutes(one, one)

    def serve(self, request: Request, principal: Principal | None = None) -> None:
        self.served.append("api")

    def serve_upload(self, request: Request, principal: Principal) -> None:
        self.served.append("upload")

    def serve_download(self, request: Request) -> None:
        self.served.append("download")

    def serve_lookup(self, request: Request) -> None:
        self.served.append("lookup")


def make_request(method: str, path: str) -> Request:
    answers: Any = None
    return Request(method.encode(), path.encode(), b"", {}, b"", answers, keep_alive=True)


REQUESTS = [
    # method, path, public: who serves it, the longest body; internal: the same
    ("POST", INVOKE_PATH, "api", SYNC_REQUEST_BYTES_MAX, "api", 0),
    ("PUT", f"{UPLOAD_PATH}{NAME}", "upload", PACKAGE_BYTES_MAX, "api", 0),
    ("GET", f"{PACKAGES_PATH}{NAME}", "api", 0, "download", 0),
    ("POST", LOOKUP_PATH, "api", 0, "lookup", LOOKUP_BYTES_MAX),
    ("POST", RELAY_PATH, "api", 0, "api", SYNC_REQUEST_BYTES_MAX),
    ("POST", HEARTBEAT_PATH, "api", 0, "api", HEARTBEAT_BYTES_MAX),
    ("GET", "/", "api", 0, "api", 0),
    ("GET", LOOKUP_PATH, "api", 0, "api", 0),
]


@pytest.mark.parametrize(
    ("method", "path", "public", "public_max", "internal", "internal_max"),
    REQUESTS,
    ids=[f"{method} {path}" for method, path, *_ in REQUESTS],
)
def test_every_request_has_one_application_and_a_limit(
    method: str, path: str, public: str, public_max: int, internal: str, internal_max: int
) -> None:
    applications = Applications()
    applications.public.serve(make_request(method, path), ANONYMOUS)
    applications.internal.serve(make_request(method, path))
    assert applications.served == [public, internal]
    rule = applications.public.rule_body(method.encode(), path.encode(), {})
    assert rule == BodyRule(public_max, is_upload=public == "upload")
    assert applications.internal.rule_body(method.encode(), path.encode(), {}) == BodyRule(
        internal_max
    )


@pytest.mark.parametrize(("keeps_packages", "allows_anonymous"), [(False, True), (True, False)])
def test_where_no_package_is_taken_an_upload_may_have_no_body(
    keeps_packages: bool, allows_anonymous: bool
) -> None:
    """It would wait on disk, only to be refused."""
    one: Any = Applications()
    authorizer = AnonymousAuthorizer(allows_anonymous=allows_anonymous)
    routes = PublicRoutes(one, one, None, authorizer, keeps_packages=keeps_packages)
    assert routes.rule_body(b"PUT", f"{UPLOAD_PATH}{NAME}".encode(), {}) == BodyRule(
        0, is_upload=True
    )
