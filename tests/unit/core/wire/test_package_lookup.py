"""The question which packages are there, and its answer, as they go over the internal hop."""

import pytest

from kubelambda.core.wire.package_lookup import (
    LOOKUP_BYTES_MAX,
    NAMES_MAX,
    MalformedLookupError,
    decode_lookup,
    decode_missing,
    encode_lookup,
    encode_missing,
)

NAMES = [f"{number:064x}" for number in range(NAMES_MAX)]


def test_the_longest_question_passes_and_fits() -> None:
    assert decode_lookup(encode_lookup(NAMES)) == NAMES
    assert len(encode_lookup(NAMES)) <= LOOKUP_BYTES_MAX
    assert len(encode_missing(NAMES)) <= LOOKUP_BYTES_MAX
    assert decode_missing(encode_missing(NAMES[:2]), NAMES) == set(NAMES[:2])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"names": null}',
        b'{"names": {}}',
        b'{"names": [1]}',
        b'{"names": ["../x"]}',
        b'{"names": ["' + b"A" * 64 + b'"]}',
        encode_lookup([*NAMES, "f" * 64]),
    ],
)
def test_anything_else_is_no_question(body: bytes) -> None:
    with pytest.raises(MalformedLookupError):
        decode_lookup(body)


def test_an_answer_about_other_packages_is_none() -> None:
    with pytest.raises(MalformedLookupError):
        decode_missing(encode_missing(NAMES[:1]), NAMES[1:])
