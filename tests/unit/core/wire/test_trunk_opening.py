"""Opening a trunk: what both gateways say, and which versions they choose."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.wire import trunk_opening as opening

NONCE, OTHER, PROOF = "0" * 32, "1" * 32, "a" * 64


def read(data: bytes) -> bytes:
    split = opening.split_head(data)
    assert split is not None
    assert split[1] == b""
    return split[0]


def test_the_bytes_on_the_wire_are_those_of_the_document() -> None:
    assert opening.encode_opening("10.0.0.1:9001", NONCE, "internal/7") == (
        b"GET /internal/v1/trunk HTTP/1.1\r\nHost: 10.0.0.1:9001\r\nConnection: Upgrade\r\n"
        b"Upgrade: kubelambda-trunk/1\r\nx-kubelambda-trunk-nonce: " + b"0" * 32 + b"\r\n"
        b"x-kubelambda-trunk-key: internal/7\r\n\r\n"
    )


def test_an_opening_and_its_acceptance_come_out_as_they_went_in() -> None:
    head = read(opening.encode_opening("10.0.0.1:9001", NONCE, "internal/7"))
    assert opening.decode_opening(head) == (
        "10.0.0.1:9001",
        NONCE,
        opening.PROTOCOL,
        "internal/7",
    )
    head = read(opening.encode_acceptance(opening.PROTOCOL, OTHER, PROOF))
    assert opening.decode_acceptance(head) == (opening.PROTOCOL, OTHER, PROOF)


def test_the_newest_version_that_both_speak_is_chosen() -> None:
    assert opening.choose_protocol("kubelambda-trunk/2, kubelambda-trunk/1") == opening.PROTOCOL
    assert opening.choose_protocol("kubelambda-trunk/2") is None
    assert opening.choose_protocol("") is None
    assert opening.choose_protocol("websocket, kubelambda-trunk/10") is None


def test_what_begins_like_an_opening_may_be_one() -> None:
    whole = opening.encode_opening("a:1", NONCE, "internal/7")
    line = whole.index(b"\n") + 1
    for count in range(line):
        assert opening.is_opening(whole[:count]) is None
    assert opening.is_opening(whole[:line]) is True
    for other in (b"POST", b"GET /internal/v1/packages", b"GET /internal/v1/trunk HTTP/1.0\r\n"):
        assert opening.is_opening(other) is False


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0",
        b"HTTP/1.1 404 Not Found",
        read(opening.encode_refusal("426 Upgrade Required")),
        read(opening.encode_acceptance("kubelambda-trunk/2", NONCE, PROOF)),
        b"SSH-2.0-OpenSSH",
        b"\xff\xfe",
    ],
)
def test_any_other_answer_is_a_gateway_that_speaks_no_trunk(answer: bytes) -> None:
    with pytest.raises(opening.NotSpokenError):
        opening.decode_acceptance(answer)


@pytest.mark.parametrize(
    "nonce", ["", "0" * 31, "0" * 33, "g" * 32, "A" * 32, "\N{ARABIC-INDIC DIGIT ZERO}" * 32]
)
def test_a_nonce_is_32_hex_digits(nonce: str) -> None:
    with pytest.raises(opening.MalformedOpeningError):
        opening.decode_opening(opening.encode_opening("a:1", nonce, "internal/7").strip())


@pytest.mark.parametrize("lines", [b"Host: a\r\nHost: b", b"Host", b"Host: \xff"])
def test_a_head_that_is_malformed_is_refused(lines: bytes) -> None:
    with pytest.raises(opening.MalformedOpeningError):
        opening.decode_opening(b"GET / HTTP/1.1\r\n" + lines)


def test_a_head_without_an_end_is_not_read_for_ever() -> None:
    assert opening.split_head(b"x" * (opening.OPENING_BYTES_MAX - 1)) is None
    with pytest.raises(opening.MalformedOpeningError):
        opening.split_head(b"x" * opening.OPENING_BYTES_MAX)


def test_a_proof_covers_everything_that_was_said() -> None:
    said = {
        "address": "a:1",
        "protocol": "p",
        "offered": "p, q",
        "dialled": NONCE,
        "accepted": OTHER,
    }
    texts = {opening.Opening(**said).cover_dialling(), opening.Opening(**said).cover_accepting()}
    for name in said:
        texts.add(opening.Opening(**(said | {name: "other"})).cover_dialling())
    assert len(texts) == 2 + len(said)


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_be_refused(head: bytes) -> None:
    with contextlib.suppress(opening.MalformedOpeningError):
        opening.decode_opening(head)
    with contextlib.suppress(opening.MalformedOpeningError, opening.NotSpokenError):
        opening.decode_acceptance(head)
