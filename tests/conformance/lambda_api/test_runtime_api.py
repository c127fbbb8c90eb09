"""The Runtime API as a runtime sees it: spec 1.2 to 1.4 and 1.7; appendix C, items 1 to 5."""

import json
import time
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from conformance.gate import Gate
from conformance.lambda_api.invoker import ONE_ENVIRONMENT, Answer, Invoker

# One test here asks for it; it begins with the first.
pytestmark = pytest.mark.usefixtures("slow")


def test_1_the_content_type_is_exactly_json_and_python_gets_a_dict(invoker: Invoker) -> None:
    headers = invoker(invoker.put("takeover"), {"act": "headers"}).value
    assert headers["Content-Type"] == "application/json"
    assert invoker(invoker.put("echo"), {"a": 1}).value["type"] == "dict"


def test_1_next_carries_the_event_and_everything_about_it(invoker: Invoker) -> None:
    before_ms = time.time() * 1000
    arn = invoker.put("takeover", timeout=7)
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

    def add_trace(request: object, **_: object) -> None:
        request.headers["X-Amzn-Trace-Id"] = trace  # type: ignore[attr-defined]

    events = invoker.client.meta.events
    events.register("before-sign.lambda.Invoke", add_trace)
    try:
        answer = invoker(arn, {"act": "headers"})
    finally:
        events.unregister("before-sign.lambda.Invoke", add_trace)
    headers = answer.value
    assert headers["Lambda-Runtime-Aws-Request-Id"] == answer.request_id
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == arn
    assert headers["Lambda-Runtime-Trace-Id"].startswith(trace.partition(";")[0])
    deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])
    assert before_ms + 7_000 <= deadline_ms <= time.time() * 1000 + 7_000
    assert "Lambda-Runtime-Client-Context" not in headers
    assert "Lambda-Runtime-Cognito-Identity" not in headers


@pytest.mark.timeout(120)
def test_2_next_blocks_over_a_rest_and_the_environment_is_the_same(
    slow: Callable[[str], Answer],
) -> None:
    """25 s: longer than the link's 20 s of silence and the freeze; an hour takes an hour."""
    assert isinstance(slow("idle for 25 s").value, int)


def test_3_an_error_header_of_a_mebibyte_is_accepted(invoker: Invoker) -> None:
    arn = invoker.put("takeover", **ONE_ENVIRONMENT)
    answer = invoker(arn, {"act": "long error header"})
    assert answer.is_error
    assert answer.payload == b'{"errorMessage":"long"}'
    assert invoker.call_when_free(arn, {"act": "recorded"}).value == [[202, {"status": "OK"}]]


def test_3_a_chunked_response_with_trailers_is_accepted(invoker: Invoker) -> None:
    arn = invoker.put("takeover", **ONE_ENVIRONMENT)
    answer = invoker(arn, {"act": "trailers"})
    assert not answer.is_error
    assert answer.value == "chunks"
    assert invoker.call_when_free(arn, {"act": "recorded"}).value == ["HTTP/1.1 202 Accepted"]


def test_4_the_caller_is_answered_before_next_and_the_slot_stays_taken_until_then(
    invoker: Invoker, gate: Gate
) -> None:
    arn = invoker.put("takeover", timeout=20, **ONE_ENVIRONMENT)
    first = invoker(arn, {"act": "pid"})
    lingering = invoker.call_when_free(arn, {"act": "linger", "gate": gate.url})
    assert lingering.value == "answered"
    with pytest.raises(ClientError) as throttled:
        invoker(arn, {"act": "pid"})
    assert throttled.value.response["Error"]["Code"] == "TooManyRequestsException"
    gate.open()
    assert invoker.call_when_free(arn, {"act": "pid"}).value == first.value


def test_5_a_second_response_is_403_an_unknown_id_400_and_the_loop_goes_on(
    invoker: Invoker,
) -> None:
    arn = invoker.put("takeover", **ONE_ENVIRONMENT)
    assert invoker(arn, {"act": "answer twice"}).value == "first"
    (second, unknown) = invoker.call_when_free(arn, {"act": "recorded"}).value
    assert second == [
        403,
        {
            "errorMessage": "State transition from RuntimeResponseSentState to InvocationResponse "
            "failed for runtime. Error: State transition is not allowed",
            "errorType": "InvalidStateTransition",
        },
    ]
    assert unknown == [
        400,
        {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"},
    ]


def test_a_runtime_that_asks_again_gets_the_same_event(invoker: Invoker) -> None:
    """Spec 1.7."""
    event = {"act": "ask again"}
    assert invoker(invoker.put("takeover"), event).value == {"same": True, "event": event}


def test_an_unknown_response_mode_is_400_and_the_callers_error(invoker: Invoker) -> None:
    """Spec 1.3."""
    arn = invoker.put("takeover", **ONE_ENVIRONMENT)
    answer = invoker(arn, {"act": "bad mode"})
    assert answer.is_error
    assert answer.value["errorType"] == "Runtime.InvalidResponseModeHeader"
    ((status, body),) = invoker.call_when_free(arn, {"act": "recorded"}).value
    assert (status, body["errorType"]) == (400, "InvalidFunctionResponseMode")


@pytest.mark.parametrize("payload", [b'{"b": 1, "a":\t2, "a": 3}', b'"text"', b"1e3", b"null"])
@pytest.mark.one_on_cluster
def test_the_event_is_the_callers_bytes(invoker: Invoker, payload: bytes) -> None:
    """Spec 1.2: whatever JSON it is."""
    answer = invoker(invoker.put("echo"), payload)
    assert answer.value["event"] == json.loads(payload)
