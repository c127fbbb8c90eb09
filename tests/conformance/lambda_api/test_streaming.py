"""InvokeWithResponseStream: spec 1.3 and 2.3; appendix C, item 10 (the part without URLs)."""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conformance.gate import Gate
from conformance.lambda_api.invoker import Invoker

STREAM_BYTES_MAX = 209_715_200
PIECE_BYTES = 65_536
"""What takeover.py writes at once."""


@dataclass(slots=True)
class Streamed:
    """What boto3 made of the stream."""

    raw: dict[str, Any]
    chunks: list[bytes] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


def invoke_streaming(invoker: Invoker, arn: str, event: Any, **arguments: Any) -> Streamed:
    raw = invoker.client.invoke_with_response_stream(
        FunctionName=arn, Payload=json.dumps(event).encode(), **arguments
    )
    streamed = Streamed(raw)
    for message in raw["EventStream"]:
        if "PayloadChunk" in message:
            streamed.chunks.append(message["PayloadChunk"]["Payload"])
        else:
            streamed.end = message["InvokeComplete"]
            streamed.count += 1
    return streamed


def test_10_chunks_reach_the_caller_while_the_function_still_writes(
    invoker: Invoker, gate: Gate
) -> None:
    event = {"act": "stream", "chunks": ["one ", "two ", "three"], "gate": gate.url}
    raw = invoker.client.invoke_with_response_stream(
        FunctionName=invoker.put("takeover", timeout=20), Payload=json.dumps(event).encode()
    )
    assert raw["StatusCode"] == 200
    assert raw["ExecutedVersion"] == "$LATEST"
    assert raw["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    messages = iter(raw["EventStream"])
    assert next(messages)["PayloadChunk"]["Payload"] == b"one "
    gate.open()
    *chunks, end = list(messages)
    assert b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks) == b"two three"
    assert end == {"InvokeComplete": {}}


def test_10_a_buffered_response_is_streamed_whole_with_its_tail(invoker: Invoker) -> None:
    arn = invoker.put("echo")
    streamed = invoke_streaming(invoker, arn, {"a": "ü"}, LogType="Tail")
    assert json.loads(streamed.body)["event"] == {"a": "ü"}
    log = base64.b64decode(streamed.end["LogResult"]).decode()
    assert re.fullmatch(r"START RequestId: (\S+) .*\nREPORT RequestId: \1\t.*\t\n", log, re.DOTALL)
    assert "ErrorCode" not in streamed.end


def test_10_a_function_error_is_in_the_end(invoker: Invoker) -> None:
    streamed = invoke_streaming(invoker, invoker.put("endings"), {"ending": "raise"})
    assert streamed.chunks == []
    assert streamed.end["ErrorCode"] == "Unhandled"
    assert json.loads(streamed.end["ErrorDetails"])["errorType"] == "Refused"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (
            {
                "trailers": {
                    "Lambda-Runtime-Function-Error-Type": "Function.Broken",
                    "Lambda-Runtime-Function-Error-Body": base64.b64encode(
                        b'{"errorType":"Function.Broken","errorMessage":"half way"}'
                    ).decode(),
                }
            },
            "Function.Broken",
        ),
        ({"cut": True}, "Unhandled"),
    ],
    ids=["error in trailers", "cut off"],
)
@pytest.mark.one_on_cluster
def test_a_stream_that_breaks_off_says_so_in_its_end_and_stays_a_200(
    invoker: Invoker, event: dict[str, Any], code: str
) -> None:
    arn = invoker.put("takeover")
    streamed = invoke_streaming(invoker, arn, {"act": "stream", "chunks": ["half"]} | event)
    assert streamed.raw["StatusCode"] == 200
    assert streamed.body == b"half"
    assert (streamed.end["ErrorCode"], streamed.count) == (code, 1)
    assert streamed.end["ErrorDetails"]
    assert invoker(arn, {"act": "pid"}).value > 0


def test_a_timeout_in_mid_stream_ends_it(invoker: Invoker) -> None:
    arn = invoker.put("takeover", timeout=2)
    event = {"act": "stream", "chunks": ["begun"], "pause": 30}
    streamed = invoke_streaming(invoker, arn, event)
    assert streamed.body == b"begun"
    assert "Task timed out after 2.00 seconds" in streamed.end["ErrorDetails"]
    assert invoker(arn, {"act": "pid"}).value > 0


def test_a_stream_to_a_plain_invoke_is_buffered(invoker: Invoker) -> None:
    arn = invoker.put("takeover")
    answer = invoker(arn, {"act": "stream", "chunks": ['{"a"', ": 1}"]})
    assert answer.value == {"a": 1}


def test_more_than_a_buffered_response_can_hold_passes(invoker: Invoker) -> None:
    """20 MB; what the reader does not take is not read from the function."""
    arn = invoker.put("takeover", timeout=60, memorySize=1024)
    streamed = invoke_streaming(invoker, arn, {"act": "stream", "megabytes": 20})
    assert len(streamed.body) == 20 << 20
    assert streamed.end == {}


@pytest.mark.timeout(180)
def test_200_mb_pass_and_one_byte_more_ends_the_stream_with_an_error(invoker: Invoker) -> None:
    """Spec 2.4."""
    arn = invoker.put("takeover", timeout=60, memorySize=1769)
    whole = invoke_streaming(invoker, arn, {"act": "stream", "megabytes": 200})
    assert (sum(map(len, whole.chunks)), whole.end) == (STREAM_BYTES_MAX, {})
    event = {"act": "stream", "chunks": ["x"], "megabytes": 200}
    more = invoke_streaming(invoker, arn, event)
    assert STREAM_BYTES_MAX - PIECE_BYTES <= sum(map(len, more.chunks)) <= STREAM_BYTES_MAX
    assert more.end["ErrorCode"] == "Function.ResponseSizeTooLarge"
    assert "(209715200 bytes)" in more.end["ErrorDetails"]
    assert invoker(arn, {"act": "pid"}).value > 0


def test_a_caller_who_leaves_does_not_hold_the_function_up(invoker: Invoker) -> None:
    arn = invoker.put("takeover", timeout=30, memorySize=1024)
    event = {"act": "stream", "megabytes": 20}
    raw = invoker.client.invoke_with_response_stream(FunctionName=arn, Payload=json.dumps(event))
    next(iter(raw["EventStream"]))
    raw["EventStream"].close()
    assert invoker(arn, {"act": "pid"}).value > 0


def test_errors_before_the_first_byte_are_ordinary(invoker: Invoker) -> None:
    with pytest.raises(ClientError) as refused:
        invoke_streaming(invoker, "none", {})
    assert type(refused.value).__name__ == "ResourceNotFoundException"
    with pytest.raises(ClientError) as refused:
        invoke_streaming(invoker, invoker.put("echo"), {}, InvocationType="Event")
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_invoke_async_is_202(invoker: Invoker) -> None:
    """Deprecated, and still what old clients call."""
    arn = invoker.put("echo")
    answer = invoker.client.invoke_async(FunctionName=arn, InvokeArgs=b"{}")
    assert answer["Status"] == 202
    request_id = answer["ResponseMetadata"]["RequestId"]
    invoker.wait_for_log(arn, f"START RequestId: {request_id}")
