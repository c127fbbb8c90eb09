"""Which function the path of a request means.

Contract: pure. FunctionName is a name, ``name:qualifier``, a partial or a full ARN; it is taken
from the raw path and decoded once (spec/lambda.md, 0.3 and 2.1). Names are data: nothing here
builds a path or a pattern from them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from kubelambda.core.errors import (
    ApiError,
    Violation,
    invalid_request,
    qualifier_mismatch,
    wrong_region,
)
from kubelambda.core.model.function import LATEST

REFERENCE_CHARACTERS_MAX = 256
REFERENCE_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
"""What FunctionName of the Invoke operations has to match, as AWS's service model writes it."""
QUALIFIER_CHARACTERS_MAX = 128
QUALIFIER_PATTERN = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
"""What their Qualifier has to match; more than any version or alias can be called."""
REMEMBERED_TARGETS = 1_024
"""Each of at most REMEMBERED_BYTES, so 1 MB at most, whatever callers ask for."""
REMEMBERED_BYTES = 512
_QUALIFIER = re.compile(QUALIFIER_PATTERN)
_REFERENCE = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_.-]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]+))?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """The function that a caller means; what the caller did not give is empty."""

    function_name: str
    account_id: str = ""
    qualifier: str = ""

    @property
    def is_latest(self) -> bool:
        """Whether the unpublished version is meant."""
        return self.qualifier in ("", LATEST)


def parse_target(raw_segment: bytes, query_qualifier: str, region: str) -> Target | ApiError:
    """The target of a raw (still percent-encoded) path segment and the Qualifier parameter.

    A well-formed name or qualifier that no function can have, such as one of 65 characters, is a
    target too: the function is then not found.
    """
    if len(raw_segment) + len(query_qualifier) > REMEMBERED_BYTES:
        return _parse(raw_segment, query_qualifier, region)
    return _remember(raw_segment, query_qualifier, region)


def _parse(raw_segment: bytes, query_qualifier: str, region: str) -> Target | ApiError:
    text = unquote_to_bytes(raw_segment).decode("utf-8", "replace")
    matched = _REFERENCE.fullmatch(text)
    violations = [*_check_reference(text, matched), *_check_qualifier(query_qualifier)]
    if violations or matched is None:
        return invalid_request(violations)
    if matched["region"] and matched["region"] != region:
        return wrong_region(matched["region"], region)
    inline = matched["qualifier"] or ""
    if inline and query_qualifier and inline != query_qualifier:
        return qualifier_mismatch()
    return Target(matched["name"], matched["account"] or "", inline or query_qualifier)


_remember = lru_cache(REMEMBERED_TARGETS)(_parse)


def _check_reference(text: str, matched: re.Match[str] | None) -> Iterator[Violation]:
    if len(text) > REFERENCE_CHARACTERS_MAX:
        yield Violation.too_long("functionName", text, REFERENCE_CHARACTERS_MAX)
    if matched is None:
        yield Violation.no_match("functionName", text, REFERENCE_PATTERN)


def _check_qualifier(text: str) -> Iterator[Violation]:
    if len(text) > QUALIFIER_CHARACTERS_MAX:
        yield Violation.too_long("qualifier", text, QUALIFIER_CHARACTERS_MAX)
    if text and not _QUALIFIER.fullmatch(text):
        yield Violation.no_match("qualifier", text, QUALIFIER_PATTERN)
