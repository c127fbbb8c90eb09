"""Payloads are JSON or refused; both ways of checking give one verdict (F17)."""

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.payload import json_check
from kubelambda.core.payload.json_check import SLICE_BYTES, NotJsonError, check_small, iter_check
from unit.core.payload.json_corpus import ACCEPTED, REFUSED


def check_in_slices(payload: bytes) -> None:
    for _ in iter_check(payload):
        pass


CHECKS: list[Callable[[bytes], None]] = [check_small, check_in_slices]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED)
def test_what_is_not_json_is_refused(check: Callable[[bytes], None], payload: bytes) -> None:
    with pytest.raises(NotJsonError):
        check(payload)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("payload", ACCEPTED.values(), ids=ACCEPTED)
def test_odd_but_valid_json_is_accepted(check: Callable[[bytes], None], payload: bytes) -> None:
    check(payload)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)


@given(VALUES)
def test_whatever_json_writes_is_accepted(value: object) -> None:
    payload = json.dumps(value, allow_nan=False).encode()
    for check in CHECKS:
        check(payload)


def verdict(check: Callable[[bytes], None], payload: bytes) -> bool:
    try:
        check(payload)
    except NotJsonError:
        return False
    return True


@given(st.text(alphabet='[]{},:"\\u0d8e1-.truefalsn ', max_size=30))
def test_both_ways_agree_on_anything(text: str) -> None:
    payload = text.encode()
    assert verdict(check_small, payload) == verdict(check_in_slices, payload)


LONG = {
    "a string": b'"' + b"x" * 200_000 + b'"',
    "a string of escapes": b'"' + b"\\n" * 100_000 + b'"',
    "a string of pairs": b'"' + b"\\ud83d\\ude00" * 20_000 + b'"',
    "characters of three bytes": b'"' + "\u6f22".encode() * 70_000 + b'"',
    "an integer": b"1" * 200_000,
    "a fraction": b"-0." + b"1" * 200_000,
    "an exponent": b"1.5E-" + b"1" * 200_000,
    "blanks": b" " * 200_000 + b"1" + b"\n" * 200_000,
    "many short values": b"[" + b'{"a": 1},' * 8_000 + b"0]",
    "a long key": b'{"' + b"k" * 200_000 + b'": [1]}',
}


@pytest.mark.parametrize("payload", LONG.values(), ids=LONG)
def test_f17_no_slice_is_longer_than_what_takes_a_few_milliseconds(payload: bytes) -> None:
    """F17: also where a payload is one single token; make bench measures the time."""
    slices = list(iter_check(payload))
    assert max(slices) <= 3 * SLICE_BYTES
    assert len(slices) >= len(payload) // SLICE_BYTES


@pytest.mark.parametrize("before", [b"", b"[", b'{"a": '])
@pytest.mark.parametrize(
    "after", [b"", b"]", b"}", b"1", b".", b"e", b'"', b", 1]", b"\xff", b"\\"]
)
@pytest.mark.parametrize("long", LONG)
def test_f17_both_ways_agree_on_long_payloads(before: bytes, long: str, after: bytes) -> None:
    payload = before + LONG[long] + after
    assert verdict(check_small, payload) == verdict(check_in_slices, payload)


WRONG = {
    "a string without end": b'"' + b"x" * 200_000,
    "a line feed in a string": b'"' + b"x" * 200_000 + b"\n" + b'"',
    "a lone surrogate in a string": b'"' + b"x" * 200_000 + b'\\ud800"',
    "half a character where slices meet": b'"' + b"x" * 65_535 + b'\xe2\x82"',
    "zeros": b"0" * 200_000,
    "minus zeros": b"-" + b"0" * 200_000,
    "a point at the end": b"1" * 200_000 + b".",
    "an exponent without digits": b"1" * 200_000 + b"e",
    "one number after another": b"-1" * 100_000,
}


@pytest.mark.parametrize("payload", WRONG.values(), ids=WRONG)
def test_f17_what_is_wrong_far_inside_a_token_is_found(payload: bytes) -> None:
    for check in CHECKS:
        assert not verdict(check, payload)


POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[\d,]*\})\+")


PATTERNS = {
    name: pattern for name, pattern in vars(json_check).items() if isinstance(pattern, re.Pattern)
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_the_check_does_not_depend_on_a_patch_release(pattern: re.Pattern[bytes]) -> None:
    """gh-106052: before Python 3.11.5 a possessive quantifier on a group may match wrongly."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    assert not POSSESSIVE_GROUP.search(text)
