"""Which requests of a browser are refused: DNS rebinding, and forms of another site.

Contract: pure. A page of another site can send requests to loopback; it can neither choose the Host
that its own name gives, nor hide its Origin, nor send JSON without a preflight, which is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

JSON_TYPES: Mapping[bytes, tuple[str, ...]] = {
    b"POST": ("application/json",),
    b"PUT": ("application/json",),
    b"PATCH": ("application/merge-patch+json", "application/strategic-merge-patch+json"),
    b"DELETE": ("application/json",),
}
METHODS = (b"GET", b"HEAD", *JSON_TYPES)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status of HTTP, and a sentence."""

    status: int
    message: str


def find_refusal(
    method: bytes, headers: Mapping[bytes, bytes], *, has_body: bool
) -> Refusal | None:
    """Why the request is refused; None if it is not."""
    host = headers.get(b"host", b"").decode("latin-1")
    if _find_name(f"//{host}") not in _LOOPBACK:
        return Refusal(403, "objects of local mode are served at 127.0.0.1 and localhost only")
    origin = headers.get(b"origin")
    if origin is not None and origin.decode("latin-1") != f"http://{host}":
        return Refusal(403, "a page of another site may not ask for objects of local mode")
    if headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
        return Refusal(403, "a page of another site may not ask for objects of local mode")
    if method not in METHODS:
        return Refusal(405, "objects are served by GET, POST, PUT, PATCH and DELETE")
    return _judge_content(method, headers, has_body)


def _judge_content(method: bytes, headers: Mapping[bytes, bytes], has_body: bool) -> Refusal | None:
    allowed = JSON_TYPES.get(method)
    if allowed is None or (method == b"DELETE" and not has_body):
        return None
    content_type = headers.get(b"content-type", b"").decode("latin-1")
    if content_type.partition(";")[0].strip().lower() in allowed:
        return None
    return Refusal(415, f"{method.decode()} takes {' or '.join(allowed)} here")


def _find_name(url: str) -> str | None:
    """The host's name without port and brackets; None if that cannot be read."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
