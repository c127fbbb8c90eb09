"""The Invoke API through AWS's SDKs for JavaScript v3 and Go v2: spec 2.1 to 2.6."""

import base64
import json
from typing import Any

import pytest

from conformance.clients.conftest import Client

REQUEST_BYTES_MAX = 6_291_456


def pick(found: dict[str, Any], *names: str) -> tuple[Any, ...]:
    assert "error" not in found or "error" in names, found
    return tuple(found[name] for name in names)


def test_a_result_comes_back_with_version_and_request_id(client: Client) -> None:
    found = client.invoke(client.put("echo"), {"a": "ü"})
    assert pick(found, "status", "functionError", "version") == (200, "", "$LATEST")
    assert json.loads(found["payload"])["event"] == {"a": "ü"}
    assert len(found["requestId"]) == 36


def test_a_function_error_is_a_result_that_says_unhandled(client: Client) -> None:
    found = client.invoke(client.put("endings"), {"ending": "raise"})
    assert pick(found, "status", "functionError") == (200, "Unhandled")
    assert json.loads(found["payload"])["errorType"] == "Refused"


def test_the_tail_is_there_when_it_is_asked_for(client: Client) -> None:
    arn = client.put("echo")
    tail = base64.b64decode(client.invoke(arn, {}, tail=True)["tail"]).decode()
    assert tail.startswith("START RequestId: ")
    assert "\nREPORT RequestId: " in tail
    assert client.invoke(arn, {})["tail"] == ""


def test_the_client_context_reaches_the_handler(client: Client) -> None:
    context = {"custom": {"k": "ü"}, "env": {"e": "1"}}
    encoded = base64.b64encode(json.dumps(context).encode()).decode()
    found = client.invoke(client.put("echo"), {"asked": "context"}, context=encoded)
    assert json.loads(found["payload"])["client"] == context


def test_an_event_is_accepted_with_202_and_nothing_else(client: Client) -> None:
    found = client.invoke(client.put("echo"), {}, type="Event")
    assert pick(found, "status", "payload", "version") == (202, "", "")


def test_a_dry_run_is_204(client: Client) -> None:
    found = client.invoke(client.put("echo"), {}, type="DryRun")
    assert pick(found, "status", "payload") == (204, "")


def test_a_stream_arrives_in_chunks_and_completes(client: Client) -> None:
    event = {"act": "stream", "chunks": ["one ", "two ", "three"], "pause": 0.3}
    found = client.stream(client.put("takeover", timeout=20), event)
    assert pick(found, "status", "version", "body") == (200, "$LATEST", "one two three")
    assert found["contentType"] == "application/vnd.amazon.eventstream"
    assert found["chunks"] >= 3
    assert pick(found, "complete", "errorCode") == (True, "")


def test_a_buffered_response_is_streamed_with_its_tail(client: Client) -> None:
    found = client.stream(client.put("echo"), {"a": 1}, tail=True)
    assert json.loads(found["body"])["event"] == {"a": 1}
    assert "REPORT RequestId: " in base64.b64decode(found["tail"]).decode()


def test_a_function_error_ends_a_stream(client: Client) -> None:
    found = client.stream(client.put("endings"), {"ending": "raise"})
    assert pick(found, "complete", "errorCode", "body") == (True, "Unhandled", "")
    assert json.loads(found["errorDetails"])["errorType"] == "Refused"


@pytest.mark.parametrize("call", ["invoke", "stream"])
def test_a_missing_function_is_the_sdks_resource_not_found(client: Client, call: str) -> None:
    found = getattr(client, call)("absent", {})
    named = pick(found, "error", "modelled", "fault", "status")
    assert named == ("ResourceNotFoundException", True, "client", 404)
    assert found["message"].startswith("Function not found: arn:aws:lambda:us-east-1:")


def test_a_throttled_call_is_the_sdks_too_many_requests(client: Client) -> None:
    found = client.invoke(client.put("echo", reservedConcurrentExecutions=0), {})
    named = pick(found, "error", "modelled", "fault", "status")
    assert named == ("TooManyRequestsException", True, "client", 429)
    assert found["reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert found["message"] == "Rate Exceeded."


def test_a_request_that_is_no_json_is_the_sdks_invalid_request_content(client: Client) -> None:
    found = client.invoke(client.put("echo"), payload='{"a": ')
    named = pick(found, "error", "modelled", "fault", "status")
    assert named == ("InvalidRequestContentException", True, "client", 400)
    assert found["message"].startswith("Could not parse request body into json: ")


def test_a_request_that_is_too_large_has_a_code_that_no_sdk_models(client: Client) -> None:
    """Spec 2.4: RequestEntityTooLarge on the wire, RequestTooLarge in the model."""
    found = client.invoke(client.put("echo"), length=REQUEST_BYTES_MAX + 1)
    named = pick(found, "error", "modelled", "status")
    assert named == ("RequestEntityTooLargeException", False, 413)
    assert f"smaller than {REQUEST_BYTES_MAX} bytes" in found["message"]


def test_the_largest_request_passes(client: Client) -> None:
    found = client.invoke(
        client.put("echo", memorySize=512, timeout=20),
        length=REQUEST_BYTES_MAX,
    )
    assert pick(found, "status", "functionError") == (200, "")
    assert len(json.loads(found["payload"])["event"]) == REQUEST_BYTES_MAX - 2


def test_a_qualifier_that_is_not_there_is_not_found(client: Client) -> None:
    found = client.invoke(client.put("echo"), {}, qualifier="absent")
    assert pick(found, "error", "status") == ("ResourceNotFoundException", 404)
