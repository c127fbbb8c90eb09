"""The Invoke API as clients see it: spec 2.1 to 2.7; appendix C, items 8, 9 and 11 to 15."""

import base64
import http.client
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from conformance.lambda_api.invoker import Invoker
from conformance.lambda_api.targets import REGION, make_client

REQUEST_BYTES_MAX = 6_291_456


def test_8_the_invoked_arn_is_the_callers_and_the_version_is_the_executed_one(
    invoker: Invoker,
) -> None:
    """Without versions and aliases, which are not built yet: $LATEST, named or not."""
    arn = invoker.put("echo")
    answer = invoker(arn, {"asked": "context"})
    assert answer.value["arn"] == arn
    assert (answer.value["version"], answer.value["variable"]) == ("$LATEST", "$LATEST")
    assert answer.raw["ExecutedVersion"] == "$LATEST"
    answer = invoker(arn, {"asked": "context"}, Qualifier="$LATEST")
    assert answer.value["arn"] == f"{arn}:$LATEST"
    assert answer.raw["ExecutedVersion"] == "$LATEST"


def test_9_the_context_is_lambdas(invoker: Invoker) -> None:
    arn = invoker.put("echo", memorySize=192, timeout=5)
    context = {"custom": {"k": "ü"}, "env": {"locale": "de"}}
    encoded = base64.b64encode(json.dumps(context).encode()).decode()
    answer = invoker(arn, {"asked": "context"}, ClientContext=encoded)
    seen, name = answer.value, arn.rsplit(":", 1)[1]
    assert seen["memory"] == "192"
    assert seen["name"] == name
    assert seen["request"] == answer.request_id
    assert seen["group"] == f"/aws/lambda/{name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", seen["stream"])
    assert 0 <= seen["later"] < seen["remaining"] <= 5_000
    assert seen["client"] == context
    assert seen["trace"].startswith("Root=1-")
    assert invoker(arn, {"asked": "context"}).value["client"] is None


def test_11_every_spelling_of_the_name_reaches_the_function(invoker: Invoker) -> None:
    arn = invoker.put("echo")
    partial = ":".join(arn.split(":")[4:])
    for name in (arn, f"{arn}:$LATEST", partial, f"{partial}:$LATEST"):
        assert invoker(name, name).value["event"] == name
    with pytest.raises(ClientError) as refused:
        invoker(f"{arn}:$LATEST", Qualifier="other")
    assert read_error(refused.value) == (
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


def test_11_no_content_type_is_needed_and_an_empty_body_is_an_empty_object(
    invoker: Invoker,
) -> None:
    arn = invoker.put("echo")
    status, _, body = post(invoker, arn, b'{"raw": true}')
    assert (status, json.loads(body)["event"]) == (200, {"raw": True})
    status, headers, body = post(invoker, arn, b"")
    assert (status, json.loads(body)["event"]) == (200, {})
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Amzn-Trace-Id"].startswith("Root=1-")


def test_12_an_event_is_202_and_a_dry_run_204_without_body_or_version(invoker: Invoker) -> None:
    arn = invoker.put("echo", reservedConcurrentExecutions=1)
    dry = invoker(arn, InvocationType="DryRun")
    assert (dry.raw["StatusCode"], dry.payload, "ExecutedVersion" in dry.raw) == (204, b"", False)
    event = invoker(arn, {"n": 1}, InvocationType="Event")
    accepted = (event.raw["StatusCode"], event.payload, "ExecutedVersion" in event.raw)
    assert accepted == (202, b"", False)
    invoker.wait_for_log(arn, f"START RequestId: {event.request_id} Version: $LATEST")


def test_13_a_function_error_is_200_and_is_not_retried(invoker: Invoker) -> None:
    arn = invoker.put("endings")
    retrying = make_client(invoker.target.url, attempts=5)
    for ending in ({"ending": "raise"}, {"ending": "kill"}):
        answer = retrying.invoke(FunctionName=arn, Payload=json.dumps(ending))
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        assert answer["ResponseMetadata"]["RetryAttempts"] == 0
        assert "x-amz-function-error" in answer["ResponseMetadata"]["HTTPHeaders"]
        answer["Payload"].close()
    retrying.close()


REFUSALS: dict[str, tuple[dict[str, Any], int, str, str, str]] = {
    "an unknown function": (
        {"FunctionName": "none"},
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:",
        "Message",
    ),
    "an unknown qualifier": (
        {"Qualifier": "live"},
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:",
        "Message",
    ),
    "no concurrency": (
        {"reserved": 0},
        429,
        "TooManyRequestsException",
        "Rate Exceeded.",
        "message",
    ),
    "no JSON": (
        {"Payload": b"{nope"},
        400,
        "InvalidRequestContentException",
        "Could not parse request body into json: Could not parse payload into json: ",
        "message",
    ),
    "a name of no function": (
        {"FunctionName": "a/b"},
        400,
        "ValidationException",
        "1 validation error detected: Value 'a/b' at 'functionName'",
        "message",
    ),
    "a name that is longer than any function's": (
        {"FunctionName": "a" * 65},
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:",
        "Message",
    ),
    "a qualifier that nothing can have": (
        {"Qualifier": "$latest"},
        404,
        "ResourceNotFoundException",
        "Function not found: arn:aws:lambda:",
        "Message",
    ),
    "a qualifier of no form": (
        {"Qualifier": "a b"},
        400,
        "ValidationException",
        "1 validation error detected: Value 'a b' at 'qualifier'",
        "message",
    ),
    "an event type of its own": (
        {"InvocationType": "Later"},
        400,
        "InvalidParameterValueException",
        "1 validation error detected: Value 'Later' at 'invocationType'",
        "message",
    ),
    "another region's ARN": (
        {"FunctionName": "arn:aws:lambda:us-west-2:123456789012:function:f"},
        404,
        "ResourceNotFoundException",
        "Functions from 'us-west-2' are not reachable in this region ('us-east-1')",
        "Message",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.one_on_cluster
def test_14_a_refusal_raises_botos_class_with_the_members_of_its_shape(
    invoker: Invoker, case: str
) -> None:
    """409 (Pending) needs a controller that is away: tests/e2e/platform."""
    given, status, code, message, member = REFUSALS[case]
    arguments = dict(given)
    reserved = arguments.pop("reserved", None)
    spec = {} if reserved is None else {"reservedConcurrentExecutions": reserved}
    arn = invoker.put("echo", **spec)
    with pytest.raises(ClientError) as refused:
        invoker.client.invoke(**({"FunctionName": arn} | arguments))
    is_modelled = hasattr(invoker.client.exceptions, code)
    assert type(refused.value).__name__ == (code if is_modelled else "ClientError")
    assert read_error(refused.value)[:2] == (status, code)
    response: dict[str, Any] = dict(refused.value.response)
    said = response[member] if is_modelled else response["Error"]["Message"]
    assert said.startswith(message)
    assert response["ResponseMetadata"]["RequestId"]
    if status == 429:
        assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


@pytest.mark.parametrize(
    ("kind", "limit"), [("RequestResponse", REQUEST_BYTES_MAX), ("Event", 1_048_576)]
)
def test_14_a_request_over_its_limit_is_413(invoker: Invoker, kind: str, limit: int) -> None:
    arn = invoker.put("echo", memorySize=512)
    payload = b'"' + b"x" * (limit - 2) + b'"'
    assert invoker(arn, payload, InvocationType=kind).raw["StatusCode"] in (200, 202)
    with pytest.raises(ClientError) as refused:
        invoker(arn, payload + b" ", InvocationType=kind)
    assert read_error(refused.value) == (
        413,
        "RequestEntityTooLargeException",
        f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
    )


def test_15_the_tail_is_the_end_of_the_log_and_ends_with_the_report(invoker: Invoker) -> None:
    arn = invoker.put("echo", memorySize=192)
    answer = invoker(arn, {"asked": "print", "lines": 3}, LogType="Tail")
    number = r"[\d.]+"
    wanted = (
        rf"START RequestId: {answer.request_id} Version: \$LATEST\n"
        r"line 0\nline 1\nline 2\n"
        rf"END RequestId: {answer.request_id}\n"
        rf"REPORT RequestId: {answer.request_id}\tDuration: {number} ms\tBilled Duration: \d+ ms\t"
        rf"Memory Size: 192 MB\tMax Memory Used: \d+ MB\tInit Duration: {number} ms\t\n"
    )
    assert re.fullmatch(wanted, answer.tail)
    answer = invoker(arn, {"asked": "print", "lines": 1_000}, LogType="Tail")
    assert len(answer.tail.encode()) == 4_096
    assert re.search(r"Max Memory Used: \d+ MB\t\n$", answer.tail)
    assert "LogResult" not in invoker(arn).raw


def test_a_spoofed_header_of_the_runtime_does_not_reach_it(invoker: Invoker) -> None:
    """F16."""
    arn = invoker.put("takeover")
    spoofed = {
        "Lambda-Runtime-Deadline-Ms": "1",
        "Lambda-Runtime-Aws-Request-Id": "mine",
        "X-Forwarded-For": "10.0.0.1",
    }
    status, _, body = post(invoker, arn, b'{"act": "headers"}', spoofed)
    seen = json.loads(body)
    assert status == 200
    assert int(seen["Lambda-Runtime-Deadline-Ms"]) > 1
    assert seen["Lambda-Runtime-Aws-Request-Id"] != "mine"
    assert "X-Forwarded-For" not in seen


def test_the_aws_command_line_invokes_unmodified(invoker: Invoker, tmp_path: Path) -> None:
    arn = invoker.put("echo")
    output = tmp_path / "out.json"
    common = ["--endpoint-url", invoker.target.url, "--region", REGION, "--no-sign-request"]
    command = [Path(sys.executable).parent / "aws", "lambda", "invoke", *common]
    done = subprocess.run(
        [*command, "--function-name", arn, "--payload", '{"by": "cli"}', output],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads(output.read_text())["event"] == {"by": "cli"}


def post(
    invoker: Invoker, arn: str, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Without an SDK: only the headers given."""
    address = urlsplit(invoker.target.url).netloc
    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request(
        "POST", f"/2015-03-31/functions/{arn}/invocations", body=body, headers=headers or {}
    )
    answer = connection.getresponse()
    result = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return result


def read_error(error: ClientError) -> tuple[int, str, str]:
    response: Any = error.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return status, response["Error"]["Code"], response["Error"]["Message"]
