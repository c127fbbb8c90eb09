"""A payload that is not JSON is refused in AWS's words.

json_messages.json holds pairs of a payload (its bytes as Latin-1) and what Jackson 2.15.4 says of
it as a byte array (line breaks written as ``\\n``): the parser that AWS's own messages come from,
taken from aws-lambda-java-serialization 1.2.0. REPORTED are from public reports of AWS's users.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.payload.json_check import NotJsonError, check_small, iter_check

WORDS = json.loads(Path(__file__).with_name("json_messages.json").read_text())
VALUES = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"
REPORTED = [
    pytest.param(
        b"test data",
        f"Unrecognized token 'test': was expecting ({VALUES})\n"
        ' at [Source: (byte[])"test data"; line: 1, column: 6]',
        id="alexcasalboni/aws-lambda-power-tuning#148",
    ),
    pytest.param(
        b"\x99\xe9m",
        f"Unexpected character ((CTRL-CHAR, code 153)): expected a valid value ({VALUES})\n"
        ' at [Source: (byte[])"\ufffd\ufffdm"; line: 1, column: 2]',
        id="penkow/llama-lambda#2: a payload that the CLI has decoded as base64",
    ),
    pytest.param(
        b"\xc8\x97a",
        'Invalid UTF-8 start byte 0x97\n at [Source: (byte[])"\u0217a"; line: 1, column: 3]',
        id="awsdocs/aws-lambda-developer-guide#382: base64 again, of what begins like a letter",
    ),
    pytest.param(
        b"0D\xf1",
        "Unexpected character ('D' (code 68)): Expected space separating root-level values\n"
        ' at [Source: (byte[])"0D\ufffd"; line: 1, column: 3]',
        id="ballerina-platform/module-ballerina-c2c#15",
    ),
    pytest.param(
        b'{\n  "a": 1\n  "b": 2}',
        "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries\n"
        ' at [Source: (byte[])"{\n  "a": 1\n  "b": 2}"; line: 3, column: 4]',
        id="podaac/hydrocron#64",
    ),
    pytest.param(
        b"------WebKitFormBoundary",
        "Unexpected character ('-' (code 45)) in numeric value: expected digit (0-9) to follow "
        "minus sign, for valid numeric value\n"
        ' at [Source: (byte[])"------WebKitFormBoundary"; line: 1, column: 3]',
        id="a form that was posted",
    ),
]


def refuse(payload: bytes) -> str:
    with pytest.raises(NotJsonError) as refused:
        check_small(payload)
    return str(refused.value)


@pytest.mark.parametrize(("text", "words"), WORDS, ids=[text[:20] for text, _ in WORDS])
def test_the_words_and_the_place_are_jacksons(text: str, words: str) -> None:
    message = refuse(text.encode("latin-1"))
    assert message.replace("\n", "\\n") == words


@pytest.mark.parametrize(("payload", "message"), REPORTED)
def test_what_users_of_aws_report_is_said_here(payload: bytes, message: str) -> None:
    assert refuse(payload).startswith(message)


@pytest.mark.parametrize(("text", "words"), WORDS, ids=[text[:20] for text, _ in WORDS])
def test_a_payload_that_is_checked_in_slices_is_refused_in_the_same_words(
    text: str, words: str
) -> None:
    with pytest.raises(NotJsonError) as refused:
        list(iter_check(text.encode("latin-1")))
    assert str(refused.value).replace("\n", "\\n") == words


def test_of_a_long_payload_500_bytes_are_shown() -> None:
    message = refuse(b'{"a": "' + b"y" * 600 + b'", b}')
    assert message.endswith('y"[truncated 112 bytes]; line: 1, column: 612]')
    assert len(message) < 700


def test_a_byte_order_mark_is_named() -> None:
    assert "byte order mark" in refuse("\ufeff{}".encode())


def test_nothing_but_blanks_is_no_content() -> None:
    assert refuse(b" \n ").startswith("No content to map due to end-of-input")


PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"u",
    b"1",
    b"-",
    b".",
    b"e",
    b" ",
    b"true",
]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(min_size=1, max_size=3)), max_size=12))
def test_whatever_comes_it_is_json_or_refused_in_words_that_name_a_place(
    pieces: list[bytes],
) -> None:
    problem = "\n at [Source: (byte[])"
    try:
        check_small(b"".join(pieces))
    except NotJsonError as error:
        problem = str(error)
    assert "\n at [Source: (byte[])" in problem
