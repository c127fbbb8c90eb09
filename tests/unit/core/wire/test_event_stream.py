"""Frames of response streams: spec 2.3."""

import json

from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.wire.event_stream import encode_chunk, encode_complete

VERIFIED = (
    "0000006c0000005ab25efdcf0b3a6576656e742d7479706507000c5061796c6f61644368756e6b0d3a636f6e74"
    "656e742d747970650700186170706c69636174696f6e2f6f637465742d73747265616d0d3a6d6573736167652d"
    "747970650700056576656e7468691162e469"
)


def test_the_frame_that_boto_accepted_to_the_byte() -> None:
    assert encode_chunk(b"hi").hex() == VERIFIED


@given(st.lists(st.binary(max_size=2_000), max_size=5))
def test_botos_own_parser_gets_back_what_was_sent(chunks: list[bytes]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(encode_chunk(chunk) for chunk in chunks) + encode_complete())
    events = list(buffer)
    assert [event.payload for event in events[:-1]] == chunks
    assert events[-1].headers[":event-type"] == "InvokeComplete"
    assert events[-1].payload == b"{}"


def test_the_end_names_log_and_error_where_there_are_any() -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(encode_complete(log_result="bG9n", error_code="E", error_details="{}"))
    (event,) = list(buffer)
    assert json.loads(event.payload) == {
        "LogResult": "bG9n",
        "ErrorCode": "E",
        "ErrorDetails": "{}",
    }
