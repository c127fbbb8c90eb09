"""Who sends a request.

Contract: values. Today every caller is anonymous, whatever is in the Authorization header: SDKs
sign with credentials that mean nothing here. Later kinds are users, by the key that signed the
request or by a token of Kubernetes, and functions of a namespace.
"""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["anonymous", "user", "function"]


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller. ``name`` is how AWS's texts call it: an ARN, or ``anonymous``."""

    kind: Kind
    name: str
    namespace: str | None = None
    """Where it belongs to; None if it belongs to none."""


ANONYMOUS: Final = Principal("anonymous", "anonymous")
"""AWS's own word for a caller without credentials, as in answers of OpenSearch domains."""
