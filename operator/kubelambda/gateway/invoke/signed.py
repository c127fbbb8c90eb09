"""Whether a request on the internal listener was signed by one of our own processes.

Contract: to be asked before anything of the request is parsed; the answer to one that was not is
401 and nothing else (``process.signatures``).
"""

from kubelambda.core.wire.key_ring import KeyScope
from kubelambda.core.wire.keys import SIGNATURE_HEADER
from kubelambda.gateway.http.request import Request
from kubelambda.process.signatures import Signatures

_SIGNATURE = SIGNATURE_HEADER.encode()


def read_signature(request: Request) -> str:
    """What the request's header says; empty if there is none."""
    return request.headers.get(_SIGNATURE, b"").decode("latin-1")


def is_signed(request: Request, signatures: Signatures, path: str, meta: str = "") -> bool:
    """Whether the request's signature is good for ``path``, ``meta`` and the request's body, and
    its key of the whole installation.
    """
    return signatures.verify(read_signature(request), path, request.body, meta)


def find_scope(request: Request, signatures: Signatures, path: str, meta: str) -> KeyScope | None:
    """What the request may concern by the key that signed it; None if its signature is not good."""
    return signatures.find_scope(read_signature(request), path, request.body, meta)
