"""Heads of events and outcomes on a trunk: what goes in comes out, and nothing else is taken."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.errors import ApiError, throttled
from kubelambda.core.model.invocation import (
    RESPONSE_BYTES_MAX,
    SYNC_REQUEST_BYTES_MAX,
    Outcome,
)
from kubelambda.core.wire.relay import MalformedRelayError, RelayRequest
from kubelambda.core.wire.trunk_messages import (
    decode_event_head,
    decode_outcome_head,
    encode_event_head,
    encode_outcome_head,
    measure_outcome,
)
from unit.core.wire.test_formats import outcomes, refusals, requests

EVENT = RelayRequest("r-1", "shop", "hello", "u", "", "Root=1", '{"a":1}', "3", epoch=7, hops=1)


def test_the_bytes_on_the_wire_are_those_of_the_document() -> None:
    event = EVENT._replace(wants_tail=True, stream=True)
    assert encode_event_head(event, 2) == (
        bytes.fromhex("05 01 0000000000000007 00000022 00000002")
        + b'r-1\0shop\0hello\0u\0\0Root=1\0{"a":1}\x003'
    )
    assert encode_outcome_head(Outcome(b"{}", tail="dGFpbA==")) == (
        bytes.fromhex("00 00000008 00000002") + b"dGFpbA==",
        b"{}",
    )


@given(requests, st.binary(max_size=50))
def test_an_event_comes_out_as_it_went_in(request: RelayRequest, body: bytes) -> None:
    request = request._replace(signs_of_life=False)
    payload = encode_event_head(request, len(body)) + body
    decoded, start, count = decode_event_head(payload)
    assert (decoded, payload[start:], count) == (request, body, len(body))


@given(outcomes | refusals)
def test_an_outcome_comes_out_as_it_went_in(outcome: Outcome | ApiError) -> None:
    head, body = encode_outcome_head(outcome)
    start, count = measure_outcome(head + body)
    assert (start, count) == (len(head), len(body))
    assert decode_outcome_head(head, body) == outcome


def test_an_event_of_the_release_before_names_no_version() -> None:
    payload = encode_event_head(EVENT, 0).replace(b"\x003", b"")
    payload = payload[:10] + struct.pack(">I", len(payload) - 18) + payload[14:]
    assert decode_event_head(payload)[0] == EVENT._replace(function_version="")


def test_texts_of_a_later_release_are_skipped() -> None:
    payload = bytearray(encode_event_head(EVENT, 0) + b"\0later\0later still")
    payload[10:14] = struct.pack(">I", len(payload) - 18)
    assert decode_event_head(bytes(payload))[0] == EVENT


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(encode_event_head(EVENT, 0)[:-1], id="cut off"),
        pytest.param(encode_event_head(EVENT, 0) + b"x", id="more than was announced"),
        pytest.param(encode_event_head(EVENT, SYNC_REQUEST_BYTES_MAX + 1), id="over the limit"),
        pytest.param(encode_event_head(EVENT._replace(request_id=""), 0), id="no request id"),
        pytest.param(encode_event_head(EVENT._replace(qualifier="q" * 4_097), 0), id="a long text"),
        pytest.param(
            encode_event_head(EVENT._replace(trace_id="t" * 16_385), 0), id="a long trace"
        ),
        pytest.param(encode_event_head(EVENT._replace(hops=101), 0), id="too many hops"),
        pytest.param(encode_event_head(EVENT._replace(qualifier="\0", hops=101), 0), id="as JSON"),
        pytest.param(struct.pack(">BBQII", 0, 1, 7, 2, 0) + b"\xff\xfe", id="not UTF-8"),
        pytest.param(struct.pack(">BBQII", 0, 1, 7, 3, 0) + b"a\0b", id="texts missing"),
        pytest.param(struct.pack(">BBQII", 0x80, 1, 7, 2, 0) + b"[]", id="no JSON of an event"),
    ],
)
def test_anything_else_is_no_event(payload: bytes) -> None:
    with pytest.raises(MalformedRelayError):
        decode_event_head(payload)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(struct.pack(">BII", 0, 9, 0) + b"short", id="cut off"),
        pytest.param(struct.pack(">BII", 0, 0, RESPONSE_BYTES_MAX + 1), id="over the limit"),
    ],
)
def test_an_outcome_that_cannot_be_measured_is_none(payload: bytes) -> None:
    with pytest.raises(MalformedRelayError):
        measure_outcome(payload)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(struct.pack(">BII", 9, 0, 0), b"", id="an unknown kind"),
        pytest.param(struct.pack(">BII", 0, 1, 0) + b"\xff", b"", id="not UTF-8"),
        pytest.param(struct.pack(">BII", 2, 2, 0) + b"{}", b"", id="an error that is none"),
        pytest.param(encode_outcome_head(throttled("R"))[0], b"x", id="an error with a payload"),
    ],
)
def test_an_outcome_that_nobody_understands_is_none(head: bytes, body: bytes) -> None:
    with pytest.raises(MalformedRelayError):
        decode_outcome_head(head, body)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else(payload: bytes) -> None:
    with contextlib.suppress(MalformedRelayError):
        request, start, count = decode_event_head(payload)
        assert request.request_id
        assert len(payload) - start <= count
    with contextlib.suppress(MalformedRelayError):
        start, count = measure_outcome(payload)
        decode_outcome_head(payload[:start], payload[start:])
