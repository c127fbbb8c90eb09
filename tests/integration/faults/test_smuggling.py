"""F16: heads that lie, by clients and by functions. Rule A11 itself is in test_http.py."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from integration.conftest import Installation
from integration.faults import raw_runtime
from integration.faults.wire import ECHO, encode_request, split_answers
from integration.test_link import Peer, put_unstarted
from kubelambda.core.model.code import InlineFiles
from kubelambda.core.wire import frames
from kubelambda.core.wire.frames import FrameType

ANSWER_HEADERS = {
    "content-type": "application/json",
    "x-amz-executed-version": "$LATEST",
    "x-amzn-requestid": "",
    "x-amzn-trace-id": "",
    "content-length": "",
}
RUNTIME_HEADERS = {
    "content-type",
    "content-length",
    "lambda-runtime-aws-request-id",
    "lambda-runtime-deadline-ms",
    "lambda-runtime-invoked-function-arn",
    "lambda-runtime-trace-id",
    "lambda-runtime-client-context",
}
CHUNKED = b"Transfer-Encoding: chunked"
REFUSED = {
    "a length with a sign": encode_request("echo", b"Content-Length: +1", body=None) + b"1",
    "a negative length": encode_request("echo", b"Content-Length: -1", body=None),
    "a list of lengths": encode_request("echo", b"Content-Length: 1, 1", body=None) + b"1",
    "the same length twice": encode_request("echo", b"Content-Length: 1", body=b"1"),
    "an empty length": encode_request("echo", b"Content-Length: ", body=None) + b"1",
    "chunked is not the last": encode_request(
        "echo", b"Transfer-Encoding: chunked, identity", body=None
    ),
    "a carriage return in a value": encode_request("echo", b"X-A: a\rX-B: b"),
    "NUL in a name": encode_request("echo", b"X-\0A: a"),
    "a header without a name": encode_request("echo", b": a"),
    "a header without a colon": encode_request("echo", b"X-A"),
    "a chunk longer than its size": encode_request("echo", CHUNKED, body=None)
    + b"1\r\n123\r\n0\r\n\r\n",
    "a chunk size beyond any": encode_request("echo", CHUNKED, body=None) + b"f" * 17 + b"\r\n",
    "a negative chunk size": encode_request("echo", CHUNKED, body=None) + b"-1\r\n",
    "a line feed alone after a chunk's size": encode_request("echo", CHUNKED, body=None)
    + b"1\n1\n0\n\n",
    "HTTP/2 with prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a proxy's CONNECT": b"CONNECT gateway:9000 HTTP/1.1\r\nHost: gateway\r\n\r\n",
}
SERVE_RAW = """
import json, raw_runtime
while True:
    request_id, head, body = raw_runtime.next_event()
    event = json.loads(body)
    if event == "head":
        raw_runtime.respond(request_id, json.dumps(head).encode())
    elif isinstance(event, dict) and "raw" in event:
        raw_runtime.call(event["raw"].replace("{id}", request_id).encode("latin-1"))
    else:
        raw_runtime.respond(request_id, body)
"""


def put_raw(installation: Installation) -> None:
    """A function that takes its runtime's place, and sends what the event says."""
    module = Path(raw_runtime.__file__).read_text()
    code = InlineFiles({"app.py": SERVE_RAW, "raw_runtime.py": module})
    installation.put("raw", "", code=code, timeout_s=10)


async def test_f16_more_heads_that_two_parsers_may_read_differently_are_refused(
    installation: Installation,
) -> None:
    """F16: 400, one answer, and nothing that follows is served."""
    installation.put("echo", ECHO)
    answers = {
        row: await installation.converse(request, encode_request("echo"))
        for row, request in REFUSED.items()
    }
    statuses = {
        row: [status for status, _, _ in split_answers(answer)] for row, answer in answers.items()
    }
    assert statuses == {row: [400] for row in REFUSED}


async def test_f16_hop_by_hop_headers_mean_nothing_to_the_function_or_its_answer(
    installation: Installation,
) -> None:
    """F16: nor for the next request of the connection."""
    put_raw(installation)
    hop_by_hop = [
        b"Connection: keep-alive, X-Amz-Log-Type",
        b"Upgrade: h2c",
        b"Keep-Alive: timeout=1000",
        b"Proxy-Connection: keep-alive",
        b"Proxy-Authorization: Basic eA==",
        b"TE: trailers",
        b"Trailer: X-Amz-Log-Type",
    ]
    requests = encode_request("raw", *hop_by_hop, body=b'"head"') + encode_request("raw", body=b"2")
    answer = await installation.converse(requests, close=True, wait_s=60)
    (first, headers, body), (second, _, again) = split_answers(answer)
    assert (first, second, again) == (200, 200, b"2")
    assert headers.keys() == ANSWER_HEADERS.keys()
    assert names_in(json.loads(body)) <= RUNTIME_HEADERS


async def test_f16_an_offer_to_change_protocols_is_refused_before_anything_runs(
    installation: Installation, tmp_path: Path
) -> None:
    """F16: as of curl --http2; its body must not be taken for another request either."""
    runs = tmp_path / "runs"
    installation.put("count", f"def handler(e, c):\n    open({str(runs)!r}, 'a').write(str(e))\n")
    offer = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"]
    hidden = encode_request("count", body=b"1")
    answer = await installation.converse(encode_request("count", *offer, body=hidden))
    assert [status for status, _, _ in split_answers(answer)] == [400]
    assert (await installation.invoke("count", 2))["Payload"] is None
    assert runs.read_text() == "2"


async def test_f16_a_trailer_overrides_nothing(installation: Installation) -> None:
    """F16: what the body may be was decided by the head."""
    installation.put("echo", ECHO)
    request = encode_request("echo", CHUNKED, body=None) + (
        b"1\r\n7\r\n0\r\nX-Amz-Invocation-Type: DryRun\r\nX-Amz-Client-Context: eA==\r\n"
        b"Host: other\r\n\r\n"
    )
    answer = await installation.converse(request, close=True, wait_s=60)
    assert [(status, body) for status, _, body in split_answers(answer)] == [(200, b"7")]


async def test_f16_what_a_client_claims_does_not_reach_the_runtimes_headers(
    installation: Installation,
) -> None:
    """F16: Lambda-Runtime-*, X-Amz-*, X-Forwarded-* and our own headers are the platform's."""
    put_raw(installation)
    spoofed = [
        b"Lambda-Runtime-Aws-Request-Id: 00000000-0000-0000-0000-000000000000",
        b"Lambda-Runtime-Deadline-Ms: 9999999999999",
        b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:1:function:spoofed",
        b"Lambda-Runtime-Cognito-Identity: {}",
        b"X-Amzn-RequestId: 00000000-0000-0000-0000-000000000000",
        b"X-Amzn-Trace-Id: Root=spoofed\tLambda-Runtime-Deadline-Ms",
        b"X-Amz-Executed-Version: spoofed",
        b"X-Amz-Function-Error: spoofed",
        b"X-Forwarded-For: spoofed",
        b"X-Kubelambda-Relay: spoofed",
        b"X-Amz-Client-Context: " + base64.b64encode(b'{\r\n"Lambda-Runtime-Spoofed": 1\r\n}'),
    ]
    answer = await installation.converse(
        encode_request("raw", *spoofed, b"Connection: close", body=b'"head"'), wait_s=60
    )
    ((status, headers, body),) = split_answers(answer)
    head = json.loads(body)
    assert status == 200
    assert names_in(head) <= RUNTIME_HEADERS
    assert raw_runtime.find(head, "lambda-runtime-aws-request-id") == headers["x-amzn-requestid"]
    assert raw_runtime.find(head, "lambda-runtime-trace-id").startswith("Root=1-")
    assert "spoofed" not in head.replace('{  "Lambda-Runtime-Spoofed": 1  }', "")
    assert "00000000-0000" not in head
    assert "9999999999999" not in head
    assert "spoofed" not in str(headers)


def names_in(head: str) -> set[str]:
    return {line.partition(":")[0].lower() for line in head.split("\r\n")[1:]}


POST = "POST /2018-06-01/runtime/invocation/{id}/"
FUNCTION_ANSWERS: dict[str, tuple[str, str | None]] = {
    "headers of its own": (
        POST + "response HTTP/1.1\r\nHost: x\r\nSet-Cookie: a=b\r\nX-Amz-Function-Error: x\r\n"
        "X-Amz-Executed-Version: 9\r\nLocation: //evil\r\nContent-Length: 1\r\n\r\n1",
        None,
    ),
    "hop-by-hop headers": (
        POST + "response HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUpgrade: h2c\r\n"
        "Keep-Alive: 1\r\nContent-Length: 1\r\n\r\n1",
        None,
    ),
    "a content type that is more than one line": (
        POST + "response HTTP/1.1\r\nHost: x\r\nContent-Type: a\rX-Evil: b\x00\r\n"
        "Content-Length: 1\r\n\r\n1",
        None,
    ),
    "a whole answer in place of the body": (
        POST + "response HTTP/1.1\r\nHost: x\r\nContent-Length: 42\r\n\r\n"
        "1\r\n\r\nHTTP/1.1 200 OK\r\nX-Evil: 1\r\n\r\n evil evil",
        None,
    ),
    "more body than its length": (
        POST + "response HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1" + "2" * 1000,
        None,
    ),
    "less body than its length": (
        POST + "response HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1",
        "Runtime.TruncatedResponse",
    ),
    "an error type that is more than a word": (
        POST + "error HTTP/1.1\r\nHost: x\r\nLambda-Runtime-Function-Error-Type: a\rX-Evil: b\r\n"
        'Content-Length: 22\r\n\r\n{"errorType":"Normal"}',
        "Normal",
    ),
}


@pytest.mark.parametrize(("raw", "error"), FUNCTION_ANSWERS.values(), ids=FUNCTION_ANSWERS)
async def test_f16_the_heads_of_answers_are_built_anew_whatever_a_function_sends(
    installation: Installation, raw: str, error: str | None
) -> None:
    """F16: headers from an allow-list, length of what there is; the next event is clean."""
    put_raw(installation)
    body = json.dumps({"raw": raw}).encode()
    requests = encode_request("raw", body=body) + encode_request("raw", body=b"2")
    answer = await installation.converse(requests, close=True, wait_s=60)
    (status, headers, payload), (second, _, clean) = split_answers(answer)
    assert (status, second, clean) == (200, 200, b"2")
    errors = {"x-amz-function-error": "unhandled"} if error else {}
    assert headers.keys() == (ANSWER_HEADERS | errors).keys()
    wanted = ANSWER_HEADERS | errors
    assert all(
        value in ("", headers[name].replace("$latest", "$LATEST")) for name, value in wanted.items()
    )
    assert error is None or json.loads(payload)["errorType"] == error


async def test_f16_a_log_tail_that_is_no_base64_does_not_become_a_header(
    installation: Installation,
) -> None:
    """F16, rule A10: what an agent says of its function's log is hostile too."""
    function = put_unstarted(installation)
    peer = await Peer.dial(installation)
    await peer.become_idle(function)
    call = asyncio.create_task(
        installation.converse(
            encode_request("peer", b"X-Amz-Log-Type: Tail", b"Connection: close"), wait_s=60
        )
    )
    event = await peer.take_event()
    peer.answer(event["requestId"], b"1")
    idle: dict[str, Any] = {"requestId": event["requestId"], "status": "success"}
    peer.send(frames.encode_control(FrameType.IDLE, idle | {"tail": "eA==\r\nX-Evil: 1"}))
    ((status, headers, _),) = split_answers(await call)
    assert status == 200
    assert headers.keys() - {"connection"} == ANSWER_HEADERS.keys()
