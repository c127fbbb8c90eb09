"""Which packages are there: what the controller asks a gateway, and how that is answered.

Contract: pure. A POST to LOOKUP_PATH on the internal listener, signed (``core.wire.keys``), with at
most NAMES_MAX names. 200 says which of them are missing, 501 that this installation keeps no
packages, 503 that the store cannot be reached now. Question and answer say in which format they
are; unknown members are ignored (docs/formats.md). A package that is not missing stays for ever:
packages are named by their content and never deleted.
"""

import json
from collections.abc import Collection, Sequence

from kubelambda.core.packages.store import is_sha256

LOOKUP_PATH = "/internal/v1/packages"
NAMES_MAX = 100
LOOKUP_BYTES_MAX = 16_384
FORMAT = 1


class MalformedLookupError(ValueError):
    """The bytes are neither a question nor an answer of this format."""


class NoPackageStoreError(Exception):
    """This installation keeps no packages."""


def encode_lookup(names: Sequence[str]) -> bytes:
    """The body that asks for ``names``, at most NAMES_MAX."""
    return json.dumps({"format": FORMAT, "names": list(names)}, separators=(",", ":")).encode()


def decode_lookup(body: bytes) -> list[str]:
    """The names that are asked for; MalformedLookupError for anything else."""
    return _read_names(body, "names")


def encode_missing(missing: Sequence[str]) -> bytes:
    """The body of the answer."""
    return json.dumps({"format": FORMAT, "missing": list(missing)}, separators=(",", ":")).encode()


def decode_missing(body: bytes, asked: Collection[str]) -> frozenset[str]:
    """Those of ``asked`` that are missing; MalformedLookupError if the answer is of others."""
    missing = frozenset(_read_names(body, "missing"))
    if not missing <= frozenset(asked):
        raise MalformedLookupError("the answer names packages that nobody asked for")
    return missing


def _read_names(body: bytes, member: str) -> list[str]:
    try:
        names = json.loads(body)[member]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedLookupError(f"no list of {member}: {error!r}") from error
    if not isinstance(names, list) or len(names) > NAMES_MAX:
        raise MalformedLookupError(f"no list of at most {NAMES_MAX} {member}")
    if not all(isinstance(name, str) and is_sha256(name) for name in names):
        raise MalformedLookupError("a package is named by its SHA-256, 64 hex digits")
    return names
