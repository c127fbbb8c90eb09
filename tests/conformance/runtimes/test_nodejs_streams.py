"""awslambda.streamifyResponse, through InvokeWithResponseStream: spec 1.3 and 2.3."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from conformance.gate import Gate
from conformance.lambda_api.invoker import ONE_ENVIRONMENT, retry_while_throttled
from conformance.lambda_api.test_streaming import Streamed, invoke_streaming
from conformance.runtimes.conftest import Row
from conformance.runtimes.packages import SOURCES

pytestmark = pytest.mark.parametrize("row", ["nodejs", "nodejs24"], indirect=True)

PRELUDE = '{"statusCode":201,"headers":{"x-kind":"ü"},"cookies":["a=1"]}'.encode() + bytes(8)
POURED_MB = 64
"""Far more than all the buffers between a function and its caller."""


def put(row: Row, handler: str, **spec: Any) -> str:
    source = (SOURCES / "nodejs" / "streams.js").read_text()
    return row.put(handler=f"streams.{handler}", code={"inline": {"streams.js": source}}, **spec)


def begin(row: Row, arn: str, event: Any) -> Iterator[dict[str, Any]]:
    """The events of a stream, each as it comes."""
    raw = row.invoker.client.invoke_with_response_stream(
        FunctionName=arn, Payload=json.dumps(event).encode()
    )
    return iter(raw["EventStream"])


def read_chunk(events: Iterator[dict[str, Any]]) -> bytes:
    return bytes(next(events)["PayloadChunk"]["Payload"])


def read_to(length: int, events: Iterator[dict[str, Any]]) -> bytes:
    """Chunks until there are ``length`` bytes: the network may cut what was written at once."""
    body = b""
    while len(body) < length:
        body += read_chunk(events)
    return body


def test_prelude_and_first_part_arrive_before_the_handler_has_ended(row: Row, gate: Gate) -> None:
    arn = put(row, "prelude")
    events = begin(row, arn, {"gate": gate.url, "value": "on"})
    begun = PRELUDE + b"streamed "
    assert read_to(len(begun), events) == begun
    gate.open()
    assert read_chunk(events) == b"on"
    assert list(events) == [{"InvokeComplete": {}}]


def test_an_error_in_mid_stream_is_the_end_of_what_has_arrived(row: Row, gate: Gate) -> None:
    events = begin(row, put(row, "breaks"), {"gate": gate.url})
    assert read_chunk(events) == b"half"
    gate.open()
    (end,) = list(events)
    assert end["InvokeComplete"]["ErrorCode"] == "TypeError"
    details = json.loads(end["InvokeComplete"]["ErrorDetails"])
    assert list(details) == ["errorType", "errorMessage", "trace"]
    assert (details["errorType"], details["errorMessage"]) == ("TypeError", "half way")
    assert "streams.js" in details["trace"][1]


def test_a_pipeline_makes_no_more_than_its_caller_takes(row: Row, gate: Gate) -> None:
    """The caller looks away for a second, in which an unhindered source makes hundreds of MB."""
    events = begin(row, put(row, "pours", timeout=60), {"gate": gate.url})
    length = len(read_chunk(events))
    time.sleep(1)
    gate.open()
    last = b""
    for event in events:
        if "InvokeComplete" in event:
            assert event["InvokeComplete"] == {}
        else:
            last = last[-16:] + event["PayloadChunk"]["Payload"]
            length += len(event["PayloadChunk"]["Payload"])
    poured = int(last.rsplit(b"\0", 1)[1])
    assert length == poured + len(str(poured))
    assert poured < POURED_MB << 20


def test_the_prelude_goes_before_the_first_write_and_end_is_none(row: Row) -> None:
    """As AWS's clients have it: end() alone sends its bytes without the prelude."""
    assert invoke_streaming(row.invoker, put(row, "onlyEnd"), {}).body == b"all at the end"


def test_a_stream_may_be_empty(row: Row) -> None:
    streamed = invoke_streaming(row.invoker, put(row, "empty"), {})
    assert (streamed.body, streamed.end) == (b"", {})


def test_what_is_neither_text_nor_bytes_is_written_as_json(row: Row) -> None:
    arn = put(row, "objects")
    streamed = invoke_streaming(row.invoker, arn, {}, LogType="Tail")
    assert streamed.body == '{"k":"ü"}AB'.encode()
    log = base64.b64decode(streamed.end["LogResult"]).decode()
    assert "\tWARN\tStreaming handlers ignore return values.\n" in log
    assert "ErrorCode" not in streamed.end


def test_the_content_type_is_settled_by_the_first_write(row: Row) -> None:
    streamed = invoke_streaming(row.invoker, put(row, "lateType"), {})
    expected = b"before Runtime.InvalidStreamingOperation: Cannot set content-type, too late."
    assert streamed.body == expected


def test_an_error_before_the_first_part_is_told_in_the_end(row: Row) -> None:
    streamed = invoke_streaming(row.invoker, put(row, "refuses"), {})
    assert streamed.body == b""
    assert streamed.end["ErrorCode"] == "TypeError"
    assert json.loads(streamed.end["ErrorDetails"])["errorMessage"] == "nothing written"


def test_a_streaming_handler_has_to_be_async(row: Row) -> None:
    """3.3.0 gives a text as its error, 4.0.2 an Error."""
    streamed = invoke_streaming(row.invoker, put(row, "notAsync"), {})
    assert streamed.body == b"begun"
    assert streamed.end["ErrorCode"] == ("string" if row.name == "nodejs" else "Error")
    message = json.loads(streamed.end["ErrorDetails"])["errorMessage"]
    assert message == "Streaming does not support non-async handlers."


def test_errors_of_streams_leave_the_environment_and_run_nothing_twice(row: Row) -> None:
    """aws-lambda-ric 4 asks for its next event while the failed response is still on its way."""
    arn = put(row, "counts", **ONE_ENVIRONMENT)

    def stream(event: Any) -> Streamed:
        return retry_while_throttled(lambda: invoke_streaming(row.invoker, arn, event))

    for number in range(1, 40, 2):
        assert stream({"raise": True}).end["ErrorCode"] == "RangeError"
        assert stream({}).body == str(number + 1).encode()
