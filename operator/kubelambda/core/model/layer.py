"""The layer versions that a function names, and their contents once those are known.

Contract: plain values. Source: spec/lambda.md, sections 6.3 and 6.7.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from kubelambda.core.model.code import Code, S3Package, is_fetched


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer version that a function names, and its content once that is known."""

    name: str
    version: int
    sha256: str = ""
    """Of the zip, in hexadecimal; empty while unknown, and always for an object of S3."""
    content: Code | None = field(default=None, repr=False)
    remembered: bool = False
    """Known from the function's own status only: the LambdaLayer is deleted or not seen yet."""
    fetched: bool = False
    """Environments fetch it from an address that its owner has chosen."""

    @property
    def reference(self) -> str:
        """As people write it: ``name:version``."""
        return f"{self.name}:{self.version}"

    @property
    def uses_s3(self) -> bool:
        """Whether environments need the Secret ``kubelambda-s3`` for it."""
        return isinstance(self.content, S3Package)

    @property
    def package(self) -> str:
        """SHA-256 by which environments ask a gateway for it; empty if they fetch it elsewhere."""
        return "" if is_fetched(self.content) else self.sha256

    @property
    def digest(self) -> str:
        """Changes with the content, or with the object of S3 that is named; empty while unknown.

        A package and a URL with the same content differ: pods that fetch nothing have neither the
        network rules of F19 nor credentials. The URL is not part of it: it may be a credential.
        """
        if not self.fetched:
            return self.sha256
        content = self.content
        named: list[Any] = ["url", self.sha256]
        if isinstance(content, S3Package):
            named = ["s3", asdict(content)]
        canonical = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def build_layer_arn(region: str, account_id: str, reference: str) -> str:
    """The ARN of a layer version; ``reference`` is ``name:version``."""
    return f"arn:aws:lambda:{region}:{account_id}:layer:{reference}"
