"""The store of uploaded packages: what every driver promises.

Contract: the port ``PackageStore``; its drivers are in ``stores`` and pass one conformance suite
(tests/conformance/packages). A package is a zip of code or of a layer, named by the SHA-256 of its
bytes: a name never means two contents, and repeating an upload changes nothing. Rules, named in the
tests:

- K1 ``put`` returns when the package is durable; ``fetch`` gives exactly those bytes, or raises.
- K2 a package is never found in part: a put that was killed leaves none.
- K3 content that does not match its name is refused before anything is kept.

Limits: spec/lambda.md, section 6.2.
"""

import hashlib
import re
from pathlib import Path
from typing import Protocol

PACKAGE_BYTES_MAX = 52_428_800
_SHA256 = re.compile(r"[0-9a-f]{64}")


class PackageNotFoundError(Exception):
    """No package of this name was ever uploaded, or it has been deleted."""


class PackagesUnavailableError(Exception):
    """The store cannot be reached now; trying again later is safe."""


class PackageStore(Protocol):
    """Where packages are kept."""

    async def put(self, sha256: str, content: bytes) -> None:
        """Keep ``content`` (K1, K2, K3); ValueError if it is not what ``sha256`` names."""
        ...

    async def has(self, sha256: str) -> bool:
        """Whether ``fetch`` would find it now."""
        ...

    async def fetch(self, sha256: str, target: Path) -> None:
        """Write the package to the new file ``target``, or raise PackageNotFoundError."""
        ...


def is_sha256(text: str) -> bool:
    """Whether ``text`` is 64 lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def check_content(sha256: str, content: bytes) -> None:
    """ValueError if ``sha256`` does not name ``content`` (K3)."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"the content is not what its name {sha256} says")
