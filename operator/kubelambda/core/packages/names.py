"""Which packages an object names, whatever release has written it.

Contract: pure. A package counts as named if any value in the object's spec or status is its
SHA-256, in hexadecimal or as AWS prints it (base64): so a field that this release does not know,
and an object that it cannot read, name their packages too. What only looks like a SHA-256 keeps no
more than the package of that name, if there is one.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from kubelambda.core.packages.code_zip import from_code_sha256
from kubelambda.core.packages.store import is_sha256

_BASE64_LENGTH = 44
"""Of 32 bytes."""


class NamesUnknownError(Exception):
    """Not all objects could be read: what they name is not known now."""


class PackageNames(Protocol):
    """Who knows the objects of an installation."""

    async def read(self) -> frozenset[str]:
        """SHA-256 of every package that objects named at one moment since the call.

        More than those may be in it; NamesUnknownError if one could be missing.
        """
        ...

    def list_served(self) -> frozenset[str]:
        """SHA-256 of every package of the functions as this process serves them now.

        A function may be served as it was before an update: then no object names its package.
        """
        ...


def find_names(manifest: Mapping[str, Any]) -> set[str]:
    """SHA-256, in hexadecimal, of all packages that an object names."""
    texts = _iter_texts([manifest.get("spec"), manifest.get("status")])
    return {name for text in texts if (name := read_name(text))}


def read_name(text: str) -> str:
    """The SHA-256 that ``text`` is, in hexadecimal; empty if it is none."""
    if is_sha256(text):
        return text
    return from_code_sha256(text) if len(text) == _BASE64_LENGTH else ""


def _iter_texts(value: Any) -> Iterator[str]:
    """All text values; nesting of any depth."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
