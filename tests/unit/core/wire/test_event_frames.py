"""Templates write and know what the JSON encoder and decoder do, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubelambda.core.wire.event_frames import (
    encode_beginning,
    encode_invoke,
    is_plain_end,
    is_plain_idle,
    is_plain_response,
)
from kubelambda.core.wire.frames import (
    FrameType,
    ProtocolError,
    decode_agent_control,
    encode_control,
)

ID = "0f3c2b6e-5a53-4b8c-9f7d-2f1f5e1c9a10"
RESPONSE: dict[str, Any] = {
    "requestId": ID,
    "functionError": False,
    "errorType": "",
    "mode": "buffered",
    "contentType": "application/json",
}
END: dict[str, Any] = {"requestId": ID}
IDLE: dict[str, Any] = {
    "requestId": ID,
    "status": "success",
    "errorType": "",
    "durationMs": 3.01,
    "billedMs": 4,
    "maxMemoryMB": 36,
}
PLAIN = [
    (FrameType.RESPONSE, RESPONSE, is_plain_response),
    (FrameType.RESPONSE_END, END, is_plain_end),
    (FrameType.IDLE, IDLE, is_plain_idle),
    (FrameType.IDLE, IDLE | {"initMs": 110.1}, is_plain_idle),
]


def write(fields: dict[str, Any]) -> bytes:
    """As Go's encoder does, which our agent uses."""
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


@given(
    request_id=st.text(),
    timeout_ms=st.integers(min_value=0, max_value=10**9),
    invoked_arn=st.text(),
    trace_id=st.text(),
    client_context=st.text(),
    tail=st.booleans(),
    stream=st.booleans(),
    content_length=st.integers(min_value=0, max_value=10**9),
)
def test_the_template_of_invoke_writes_what_the_encoder_writes(**given: Any) -> None:
    fields = {
        "requestId": given["request_id"],
        "timeoutMs": given["timeout_ms"],
        "invokedArn": given["invoked_arn"],
        "traceId": given["trace_id"],
        "clientContext": given["client_context"],
        "cognitoIdentity": "",
        "tail": given["tail"],
        "stream": given["stream"],
        "contentLength": given["content_length"],
    }
    beginning = encode_beginning(given.pop("request_id"))
    assert encode_invoke(beginning, **given) == encode_control(FrameType.INVOKE, fields)


@pytest.mark.parametrize(("kind", "fields", "is_plain"), PLAIN)
def test_what_our_agent_writes_is_known(
    kind: FrameType, fields: dict[str, Any], is_plain: Any
) -> None:
    assert is_plain(write(fields), encode_beginning(ID))
    assert not is_plain(write(fields), encode_beginning(ID[:-1]))
    assert not is_plain(write(fields), encode_beginning("another"))


@pytest.mark.parametrize(
    ("fields", "is_plain"),
    [
        (RESPONSE | {"functionError": True}, is_plain_response),
        (RESPONSE | {"mode": "streaming"}, is_plain_response),
        (RESPONSE | {"new": 1}, is_plain_response),
        (END | {"errorType": "x"}, is_plain_end),
        (IDLE | {"tail": "eA=="}, is_plain_idle),
        (IDLE | {"status": "error"}, is_plain_idle),
        (IDLE | {"billedMs": -1}, is_plain_idle),
        (IDLE | {"billedMs": 10**9 + 1}, is_plain_idle),
        (IDLE | {"durationMs": 1e300}, is_plain_idle),
        (IDLE | {"requestId": None}, is_plain_idle),
    ],
)
def test_what_says_anything_else_is_left_to_the_decoder(
    fields: dict[str, Any], is_plain: Any
) -> None:
    assert not is_plain(write(fields), encode_beginning(ID))


@given(data=st.data(), case=st.sampled_from(PLAIN))
def test_whatever_is_known_reads_the_same_by_the_decoder(
    data: st.DataObject, case: tuple[FrameType, dict[str, Any], Any]
) -> None:
    """Bytes of the known frames are replaced; what is still known means the same."""
    kind, fields, is_plain = case
    payload = bytearray(write(fields))
    for _ in range(data.draw(st.integers(0, 3))):
        position = data.draw(st.integers(0, len(payload) - 1))
        length = data.draw(st.integers(0, 3))
        payload[position : position + length] = data.draw(st.binary(max_size=3))
    if not is_plain(bytes(payload), encode_beginning(ID)):
        return
    read = decode_agent_control(kind, bytes(payload))
    numbers = {"durationMs", "billedMs", "maxMemoryMB", "initMs"}
    assert {name: value for name, value in read.items() if name not in numbers} == {
        name: value for name, value in fields.items() if name not in numbers
    }


@given(st.text(), st.text())
@example(ID, ID[:-1])
@example('a"', "a")
def test_a_frame_of_one_event_is_none_of_another(one: str, other: str) -> None:
    """Whatever ids there are: other processes of ours make them, too."""
    payload = encode_beginning(one) + b"}"
    assert is_plain_end(payload, encode_beginning(other)) == (one == other)


def test_numbers_up_to_the_bounds_are_known_and_taken() -> None:
    for number in (b"0", b"0.5", b"999999999.999999999", b"3.01"):
        payload = write(IDLE).replace(b'"durationMs":3.01', b'"durationMs":' + number)
        assert is_plain_idle(payload, encode_beginning(ID))
        decode_agent_control(FrameType.IDLE, payload)
    for number in (b"01", b"1.", b".5", b"1e3", b"-1", b"1000000000", b"", b"1 "):
        payload = write(IDLE).replace(b'"durationMs":3.01', b'"durationMs":' + number)
        assert not is_plain_idle(payload, encode_beginning(ID))


def test_a_number_out_of_bounds_is_the_same_error_as_before() -> None:
    payload = write(IDLE | {"billedMs": 10**9 + 1})
    assert not is_plain_idle(payload, encode_beginning(ID))
    with pytest.raises(ProtocolError, match="billedMs of frame 0x33"):
        decode_agent_control(FrameType.IDLE, payload)
