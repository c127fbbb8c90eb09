"""Relayed requests and outcomes come back as they were sent, or not at all."""

import pytest

from kubelambda.core.errors import ApiError, throttled
from kubelambda.core.model.invocation import Outcome
from kubelambda.core.wire.relay import (
    MalformedRelayError,
    RelayRequest,
    decode_request,
    encode_request,
)
from kubelambda.core.wire.relay_outcome import decode_outcome, encode_outcome

REQUEST = RelayRequest(
    request_id="r-1",
    namespace="default",
    function_name="hello",
    qualifier="$LATEST",
    trace_id="Root=1-2-3",
    client_context='{"ключ":"\\n"}',
    wants_tail=True,
    may_repeat=True,
    epoch=7,
    hops=1,
)


def test_a_request_survives_the_wire_as_one_line_of_ascii() -> None:
    header = encode_request(REQUEST)
    assert header.isascii()
    assert header.isprintable()
    assert decode_request(header) == REQUEST


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(b"{}"),
        Outcome(b'{"errorType":"E"}', function_error=True, tail="YQ=="),
        throttled("ReservedFunctionConcurrentInvocationLimitExceeded"),
        ApiError(404, "ResourceNotFoundException", "Function not found: ü"),
    ],
)
def test_an_outcome_survives_the_wire(outcome: Outcome | ApiError) -> None:
    header, body = encode_outcome(outcome)
    assert header.isascii()
    assert decode_outcome(header, body) == outcome


@pytest.mark.parametrize("header", ["", "[]", "{}", "[1,2,3,4,5,6,7,8,9]", '["a"]', "null"])
def test_what_is_no_relayed_request_is_refused(header: str) -> None:
    with pytest.raises(MalformedRelayError):
        decode_request(header)


@pytest.mark.parametrize("header", ["", "[]", '["outcome"]', '["error",1]', "null"])
def test_what_is_no_outcome_is_refused(header: str) -> None:
    with pytest.raises(MalformedRelayError):
        decode_outcome(header, b"")
