"""Packages: zips of code and layers that were uploaded, kept by their content.

Contract: values and the port ``PackageStore``; drivers live in ``stores`` and pass one conformance
suite (tests/conformance/packages). A package's name is the SHA-256 of its bytes, so a name never
means two contents, and an upload that is repeated changes nothing. Rules, named in the tests:

- P1 ``put`` returns when the package is durable; ``fetch`` gives just those bytes, or raises.
- P2 nothing that is not whole is ever found: a put that was killed leaves no package.
- P3 content that is not its name is refused before anything is kept.

Limits: spec/lambda.md, section 6.2.
"""

import hashlib
import hmac
import re
from pathlib import Path
from typing import Protocol

PACKAGE_BYTES_MAX = 52_428_800
PACKAGES_PATH = "/internal/v1/packages/"
UPLOAD_PATH = "/kubelambda/v1/packages/"
AUTHORIZATION_HEADER = "x-kubelambda-package"
AUTHORIZATION_AGE_S_MAX = 300
_SHA256 = re.compile(r"[0-9a-f]{64}")


class PackageNotFoundError(Exception):
    """No package of this name was ever uploaded, or it has been deleted."""


class PackagesUnavailableError(Exception):
    """The store cannot be asked now; trying again later is safe."""


class PackageStore(Protocol):
    """Where packages are kept."""

    async def put(self, sha256: str, content: bytes) -> None:
        """Keep ``content`` (P1, P2, P3); ValueError where it is not what ``sha256`` names."""
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
    """ValueError where ``sha256`` does not name ``content`` (P3)."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"the content is not what its name {sha256} says")


def authorize_fetch(key: bytes, uid: str, key_generation: int, sha256: str, now_s: int) -> str:
    """Value of AUTHORIZATION_HEADER with which a function's agent asks for one package."""
    message = f"kubelambda-package/1\n{uid}\n{sha256}\n{now_s}".encode()
    proof = hmac.new(key, message, hashlib.sha256).hexdigest()
    return f"{uid}:{key_generation}:{now_s}:{proof}"


def read_authorization(header: str) -> tuple[str, int, int] | None:
    """The uid, key generation and moment that ``header`` names; None where it is none."""
    fields = header.split(":")
    if len(fields) != 4 or not fields[0]:
        return None
    uid, generation, moment, _ = fields
    if not all(one.isascii() and one.isdigit() and len(one) <= 12 for one in (generation, moment)):
        return None
    return uid, int(generation), int(moment)


def is_authorized(key: bytes, header: str, sha256: str, now_s: int) -> bool:
    """Whether ``authorize_fetch`` with ``key`` made ``header`` for this package lately.

    Five minutes: the agent's clock is its node's, which the gateway does not trust to the second.
    """
    named = read_authorization(header)
    if named is None or abs(now_s - named[2]) > AUTHORIZATION_AGE_S_MAX:
        return False
    expected = authorize_fetch(key, named[0], named[1], sha256, named[2])
    return hmac.compare_digest(expected.encode(), header.encode())
