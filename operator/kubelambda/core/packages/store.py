"""The store of uploaded packages: what every driver promises.

Contract: the port ``PackageStore``; its drivers are in ``stores`` and pass one conformance suite
(tests/conformance/packages). A package is a zip of code or of a layer, named by the SHA-256 of its
bytes: a name never means two contents, and repeating an upload changes nothing. Rules, named in the
tests:

- K1 ``put`` returns when the package is durable; ``fetch`` gives exactly those bytes, or raises.
- K2 a package is never found in part: a put that was killed leaves none.
- K3 content that does not match its name is refused before anything is kept.
- K4 ``list_all`` tells the revision of each package; every put (also one that finds the package
  there), renewal, withdrawal or restoration after that gives it another one.
- K5 ``renew``, ``withdraw``, ``restore`` and ``delete`` act on the very revision that they are
  given, at one moment, or do nothing and say so.
- K6 a withdrawn package is neither found nor missing: whoever asks for it is told to ask again. It
  is as before once it is restored or put again.
- K7 a deleted package is not found, and can be put again. Only a withdrawn one can be deleted.

Who deletes packages, and why none in use is lost: ``core.packages.collection``.

Limits: spec/lambda.md, section 6.2.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PACKAGE_BYTES_MAX = 52_428_800
_SHA256 = re.compile(r"[0-9a-f]{64}")


class PackageNotFoundError(Exception):
    """No package of this name was ever uploaded, or it has been deleted."""


class PackagesUnavailableError(Exception):
    """The store cannot be reached now; trying again later is safe."""


@dataclass(frozen=True, slots=True)
class StoredPackage:
    """A package as the store had it at one moment."""

    sha256: str
    size: int
    """In bytes."""
    revision: str
    """Only compared; what it says is the driver's own affair."""
    withdrawn: bool = False


class PackageStore(Protocol):
    """Where packages are kept. PackagesUnavailableError from any method: try again later."""

    async def put(self, sha256: str, content: bytes) -> None:
        """Keep ``content`` (K1, K2, K3); ValueError if it is not what ``sha256`` names."""
        ...

    async def has(self, sha256: str) -> bool:
        """Whether ``fetch`` would find it now; PackagesUnavailableError if withdrawn (K6)."""
        ...

    async def fetch(self, sha256: str, target: Path) -> None:
        """Write the package to the new file ``target``, or raise PackageNotFoundError."""
        ...

    async def list_all(self) -> Sequence[StoredPackage]:
        """Every package that is there all the while, withdrawn ones too (K4)."""
        ...

    async def renew(self, package: StoredPackage) -> bool:
        """Give it another revision, as a put would (K4, K5); False if it has changed."""
        ...

    async def withdraw(self, package: StoredPackage) -> StoredPackage | None:
        """Hide it from everybody (K5, K6); what it is now, or None if it has changed."""
        ...

    async def restore(self, package: StoredPackage) -> bool:
        """Show a withdrawn package again (K5); False if it has changed."""
        ...

    async def delete(self, package: StoredPackage) -> bool:
        """Delete a withdrawn package (K5, K7); False if it has changed."""
        ...


def is_sha256(text: str) -> bool:
    """Whether ``text`` is 64 lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def check_content(sha256: str, content: bytes) -> None:
    """ValueError if ``sha256`` does not name ``content`` (K3)."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"the content is not what its name {sha256} says")
