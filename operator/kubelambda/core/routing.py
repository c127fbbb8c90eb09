"""From the path of a request to a function, and from a function to its owner.

Contract: pure. FunctionName is routed on the raw path and decoded once (spec/lambda.md, 0.3 and
2.1): a name, ``name:qualifier``, a partial or a full ARN. Names are data: nothing here builds a
path or a pattern from them.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from kubelambda.core.errors import (
    ApiError,
    invalid_function_name,
    invalid_parameter,
    qualifier_mismatch,
    wrong_region,
)
from kubelambda.core.function import LATEST

NAME_CHARACTERS_MAX = 64
REFERENCE_CHARACTERS_MAX = 256
QUALIFIER = re.compile(r"\$LATEST|[a-zA-Z0-9_-]{1,128}")
_REFERENCE = re.compile(
    r"(?:(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z]{2}(?:-gov)?-[a-z]+-\d):)?"
    r"(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_.-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a caller means. ``account_id`` is empty for a bare name, ``qualifier`` for none."""

    function_name: str
    account_id: str = ""
    qualifier: str = ""

    @property
    def is_latest(self) -> bool:
        """Whether the unpublished version is meant."""
        return self.qualifier in ("", LATEST)


def parse_target(raw_segment: bytes, query_qualifier: str, region: str) -> Target | ApiError:
    """The target of a raw (still percent-encoded) path segment and the Qualifier parameter."""
    text = unquote_to_bytes(raw_segment).decode("utf-8", "replace")
    matched = _REFERENCE.fullmatch(text)
    if matched is None or len(text) > REFERENCE_CHARACTERS_MAX:
        return invalid_function_name(text)
    if matched["region"] and matched["region"] != region:
        return wrong_region(matched["region"], region)
    if len(matched["name"]) > NAME_CHARACTERS_MAX:
        return invalid_parameter(
            f"1 validation error detected: Value '{matched['name']}' at 'functionName' failed to "
            "satisfy constraint: Member must have length less than or equal to 64"
        )
    if query_qualifier and not QUALIFIER.fullmatch(query_qualifier):
        return invalid_parameter(
            f"1 validation error detected: Value '{query_qualifier}' at 'qualifier' failed to "
            "satisfy constraint: Member must satisfy regular expression pattern: "
            r"(|[a-zA-Z0-9$_-]+)"
        )
    inline = matched["qualifier"] or ""
    if inline and query_qualifier and inline != query_qualifier:
        return qualifier_mismatch()
    return Target(matched["name"], matched["account"] or "", inline or query_qualifier)


def choose_owner(namespace: str, name: str, members: Sequence[str]) -> str:
    """The member that owns a function: the highest rendezvous hash. ``members`` is not empty."""
    return max(members, key=lambda member: (_weigh(namespace, name, member), member))


def _weigh(namespace: str, name: str, member: str) -> int:
    digest = hashlib.blake2b(f"{namespace}/{name}\n{member}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "big")
