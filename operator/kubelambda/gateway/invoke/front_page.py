"""The page at the root of the public listener, if the gateway was given one.

Contract: local mode gives one. A gateway of a cluster has none, since it would show what functions
other tenants have: there `/` is as unknown as any other path.
"""

from collections.abc import Callable

from kubelambda.gateway.http.request import Request

RenderPage = Callable[[str], tuple[str, bytes]]
"""From the request's Accept header to the page's type and body."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def is_front_page(request: Request) -> bool:
    """Whether it asks for the page."""
    return request.method in (b"GET", b"HEAD") and request.path == b"/"


def serve_front_page(request: Request, render: RenderPage) -> None:
    """Answer it; HEAD with the head alone."""
    accept = request.headers.get(b"accept", b"").decode("latin-1")
    content_type, body = render(accept)
    headers = [
        ("Content-Type", content_type),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
    ]
    request.respond(200, headers, body)
