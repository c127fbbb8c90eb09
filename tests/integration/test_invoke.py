"""Invoke as AWS clients see it: real gateway, real agent, real awslambdaric, real boto3."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration.conftest import Installation

ECHO = "def handler(event, context):\n    return event\n"
SLEEP = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return event\n"
WAIT = """
import os, time
def handler(event, context):
    while not os.path.exists(event):
        time.sleep(0.05)
    return event
"""
CONTEXT = """
import os
def handler(event, context):
    return {
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "custom": context.client_context.custom if context.client_context else None,
        "remaining": context.get_remaining_time_in_millis(),
        "greeting": os.environ.get("GREETING"),
        "region": os.environ["AWS_REGION"],
    }
"""
ENDINGS = """
import os, sys
def handler(event, context):
    if event == "raise":
        raise ValueError("no")
    if event == "exit 0":
        os._exit(0)
    if event == "exit 3":
        os._exit(3)
    if event == "kill":
        os.kill(os.getpid(), 9)
    return "fine"
"""


async def test_the_result_is_the_handlers(installation: Installation) -> None:
    installation.put("echo", ECHO)
    answer = await installation.invoke("echo", {"ä": [1, None, "x"]})
    assert answer["Payload"] == {"ä": [1, None, "x"]}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer


async def test_the_context_is_lambdas(installation: Installation) -> None:
    """Checklist 9: memory is a string, client context is decoded, remaining time is there."""
    installation.put("context", CONTEXT, environment={"GREETING": "hi"}, memory_mb=300)
    custom = base64.b64encode(b'{"custom": {"a": "b"}}').decode()
    found = (await installation.invoke("context", {}, ClientContext=custom))["Payload"]
    assert 0 < found.pop("remaining") <= 3000
    assert found == {
        "memory": "300",
        "arn": "arn:aws:lambda:us-east-1:123456789012:function:context",
        "name": "context",
        "version": "$LATEST",
        "custom": {"a": "b"},
        "greeting": "hi",
        "region": "us-east-1",
    }


@pytest.mark.parametrize(
    "name",
    [
        "echo:$LATEST",
        "123456789012:function:echo",
        "arn:aws:lambda:us-east-1:123456789012:function:echo",
        "arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST",
    ],
)
async def test_every_spelling_of_the_name_reaches_the_function(
    installation: Installation, name: str
) -> None:
    """Checklist 11: boto3 percent-encodes ARNs in the path."""
    installation.put("echo", ECHO)
    assert (await installation.invoke(name, 1))["Payload"] == 1


@pytest.mark.parametrize(
    ("event", "error_type", "message"),
    [
        ("raise", "ValueError", "no"),
        ("exit 0", "Runtime.ExitError", "Error: Runtime exited without providing a reason"),
        ("exit 3", "Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        ("kill", "Runtime.ExitError", "Error: Runtime exited with error: signal: killed"),
    ],
)
async def test_an_ending_is_a_function_error_and_the_next_invocation_is_clean(
    installation: Installation, event: str, error_type: str, message: str
) -> None:
    """Spec 2.5: status 200, Unhandled, the exact payload; checklist 7: the next call works."""
    installation.put("endings", ENDINGS)
    answer = await installation.invoke("endings", event)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"]["errorType"] == error_type
    request_id = answer["ResponseMetadata"]["RequestId"]
    wanted = message if event == "raise" else f"RequestId: {request_id} {message}"
    assert answer["Payload"]["errorMessage"] == wanted
    assert (await installation.invoke("endings", "fine"))["Payload"] == "fine"


async def test_a_timeout_is_answered_at_the_deadline_and_kills(installation: Installation) -> None:
    installation.put("sleep", SLEEP, timeout_s=1)
    answer = await installation.invoke("sleep", 30)
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["Payload"] == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    assert (await installation.invoke("sleep", 0))["Payload"] == 0


async def test_a_module_that_is_missing_is_the_callers_init_error(
    installation: Installation,
) -> None:
    """Spec 2.5: the body that the runtime posted, with its empty requestId."""
    installation.put("broken", ECHO, handler="absent.handler")
    answer = await installation.invoke("broken", {})
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Payload"]["errorType"] == "Runtime.ImportModuleError"
    assert answer["Payload"]["requestId"] == ""


async def test_the_tail_ends_with_the_report(installation: Installation) -> None:
    """Checklist 15: at most 4,096 bytes, from START to REPORT, cut at the front."""
    source = "def handler(event, context):\n    print('x' * event)\n"
    installation.put("chatty", source)
    for size in (10, 9_000):
        answer = await installation.invoke("chatty", size, LogType="Tail")
        log = base64.b64decode(answer["LogResult"])
        assert len(log) <= 4_096
        assert log.splitlines()[-1].startswith(b"REPORT RequestId: ")


async def test_six_megabytes_go_both_ways(installation: Installation) -> None:
    """Spec 2.4: 6,291,456 bytes in; the flow control of the link carries them."""
    installation.put("echo", ECHO, timeout_s=30)
    text = "y" * (6_291_456 - 2)
    answer = await installation.invoke("echo", b'"' + text.encode() + b'"')
    assert answer["Payload"] == text


async def test_a_response_over_the_limit_is_a_function_error(installation: Installation) -> None:
    installation.put("big", "def handler(event, context):\n    return 'z' * event\n", timeout_s=30)
    answer = await installation.invoke("big", 6_291_556 - 2)
    assert "FunctionError" not in answer
    answer = await installation.invoke("big", 6_291_556 - 1)
    assert answer["Payload"] == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            {"FunctionName": "none"},
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:{account}:function:none:$LATEST",
        ),
        (
            {"FunctionName": "echo", "Qualifier": "live"},
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:{account}:function:echo:live",
        ),
        (
            {"FunctionName": "echo:live", "Qualifier": "other"},
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        ),
        (
            {"FunctionName": "echo", "Payload": b"{nope"},
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: ",
        ),
        (
            {"FunctionName": "echo", "Payload": b"1" * 6_291_457},
            "RequestEntityTooLargeException",
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        ),
        (
            {"FunctionName": "echo", "InvocationType": "Event"},
            "ServiceException",
            "asynchronous invocation (Event) needs a queue; none is configured here",
        ),
        (
            {"FunctionName": "stalled"},
            "ResourceNotReadyException",
            "The function cannot run (RuntimeNotFound): no runtime",
        ),
        (
            {"FunctionName": "pending"},
            "ResourceConflictException",
            "The function is currently in the following state: Pending",
        ),
    ],
)
async def test_what_cannot_run_is_refused_before_it_runs(
    installation: Installation, arguments: dict[str, Any], code: str, message: str
) -> None:
    """Spec 2.4 and 2.6; checklist 14."""
    account = installation.index.account_of_namespace("default")
    installation.put("echo", ECHO, account_id=account)
    installation.put(
        "stalled", ECHO, stalled_reason="RuntimeNotFound", stalled_message="no runtime"
    )
    installation.put("pending", ECHO, ready=False)
    with pytest.raises(ClientError) as refused:
        await asyncio.to_thread(installation.client.invoke, **arguments)
    error = refused.value.response["Error"]
    assert error["Code"] == code
    assert message.format(account=account) in error["Message"]


async def test_a_dry_run_runs_nothing(installation: Installation) -> None:
    installation.put("echo", ECHO)
    answer = await installation.invoke("echo", {}, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert "ExecutedVersion" not in answer


async def test_over_its_reservation_a_function_throttles_at_once(
    installation: Installation, tmp_path: Path
) -> None:
    """Lambda never queues for a slot; each that is accepted is answered."""
    installation.put("wait", WAIT, reserved_concurrency=2, timeout_s=60)
    end = tmp_path / "end"
    asked = [asyncio.create_task(installation.invoke("wait", str(end))) for _ in range(6)]
    for _, answer in zip(range(4), asyncio.as_completed(asked), strict=False):
        with pytest.raises(ClientError) as throttled:
            await answer
        response = throttled.value.response
        assert response["Error"]["Code"] == "TooManyRequestsException"
        assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    end.touch()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    answers = [outcome["Payload"] for outcome in outcomes if isinstance(outcome, dict)]
    assert answers == [str(end)] * 2


async def test_a_changed_function_loses_no_request_and_ends_on_its_new_code(
    installation: Installation,
) -> None:
    installation.put("change", "def handler(e, c):\n    return 1\n")
    assert (await installation.invoke("change"))["Payload"] == 1
    running = [asyncio.create_task(installation.invoke("change")) for _ in range(5)]
    installation.put("change", "def handler(e, c):\n    return 2\n")
    answers = [(await answer)["Payload"] for answer in running]
    assert set(answers) <= {1, 2}
    assert (await installation.invoke("change"))["Payload"] == 2


async def test_a_removed_function_is_not_found(installation: Installation) -> None:
    function = installation.put("echo", ECHO)
    await installation.invoke("echo", 1)
    installation.index.remove(function.ref)
    with pytest.raises(ClientError, match="Function not found"):
        await installation.invoke("echo", 1)


async def test_concurrent_requests_each_get_their_own_answer(installation: Installation) -> None:
    installation.put("echo", ECHO, timeout_s=30)
    answers = await asyncio.gather(*(installation.invoke("echo", n) for n in range(12)))
    assert [answer["Payload"] for answer in answers] == list(range(12))
