"""Payloads are JSON or refused; both ways of checking give one verdict (FAULTS F17)."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.json_check import NotJsonError, check_small, iter_check


def check_in_slices(payload: bytes) -> None:
    for _ in iter_check(payload):
        pass


CHECKS: list[Callable[[bytes], None]] = [check_small, check_in_slices]

REFUSED = {
    "nothing": b"",
    "blanks only": b" \n",
    "NaN": b"NaN",
    "minus infinity": b'{"a": -Infinity}',
    "a trailing comma": b"[1,]",
    "a key without a value": b'{"a"}',
    "a value without a key": b"{1}",
    "two values": b"[] []",
    "a leading zero": b"01",
    "a lone minus": b"-",
    "a newline in a string": b'"\n"',
    "invalid UTF-8": b'"\xff"',
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"\\udc00"',
    "surrogates in the wrong order": b'"\\udc00\\ud800"',
    "an unclosed array": b"[1",
    "crossed brackets": b"[}",
    "nested 100,000 deep": b"[" * 100_000,
}

ACCEPTED = {
    "an object": b'{"a": [1, 2.5e-3, true, false, null, "x"]}',
    "a scalar": b'"x"',
    "duplicate keys": b'{"a": 1, "a": 2}',
    "an integer of 5,000 digits": b"1" * 5_000,
    "a surrogate pair": b'"\\ud83d\\ude00"',
    "an escaped backslash before the letters ud800": b'"\\\\ud800"',
    "blanks around": b" \t[ ]\r\n",
    "empty containers": b'[{}, [], ""]',
}


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
