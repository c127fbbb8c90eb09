"""Scenario by runtime: spec 1.2 to 1.10, 2.5, 2.7 and 6.5 as a handler sees them."""

import base64
import json
import re

import pytest

from conformance.conftest import skip_of_local_mode
from conformance.gate import Gate
from conformance.lambda_api.invoker import retry_while_throttled
from conformance.lambda_api.test_streaming import invoke_streaming
from conformance.runtimes.conftest import GREETING, TIMEOUT_S, Row
from conformance.runtimes.languages import BUFFERED, LANGUAGES

REQUEST_BYTES_MAX = 6_291_456
RESPONSE_BYTES_MAX = 6_291_556
STREAMING = [name for name, language in LANGUAGES.items() if language.stream_handler]
TELLING = [name for name in LANGUAGES if name != "provided"]
"""Languages whose handler makes JSON of any text; the shell's puts quotes around it."""
ODD_VALUES = {
    "EMPTY": "",
    "EQUALS": "a=b==",
    "LINES": "one\ntwo\n",
    "BLANKS": "  two before and after  ",
    "OF_A_SHELL": "'\"$HOME `id` $(PATH) $$ ${PATH} \\",
    "JSON": '{"k": [1]}',
    "ABROAD": "ü\U0001f600",
}
VALUES = [{"k": ["ü", "\U0001f600", 1, 2.5, None, True]}, [], "text", "", 0, None, False]


def test_an_event_comes_back_as_it_was(row: Row) -> None:
    for value in VALUES:
        answer = row.ask("echo", value=value)
        assert (answer.is_error, answer.value) == (False, value)


def test_the_environment_is_lambdas_with_the_users_variables(row: Row) -> None:
    """Spec 6.5."""
    expected = {
        "GREETING": GREETING,
        "_HANDLER": row.language.handler,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": row.arn.rsplit(":", 1)[1],
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(row.language.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "TZ": ":UTC",
        "KUBELAMBDA_KEY": None,
    }
    if row.language.runtime.startswith("provided"):
        expected["AWS_EXECUTION_ENV"] = None
    else:
        expected["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{row.language.runtime}"
    seen = row.ask("environment", names=list(expected)).value  # Java's client leaves nulls out
    assert {name: seen.get(name) for name in expected} == expected
    seen = row.ask("environment", names=["AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT"]).value
    assert re.fullmatch(r"127\.0\.0\.1:\d+", seen["AWS_LAMBDA_RUNTIME_API"])
    assert seen["LAMBDA_TASK_ROOT"].startswith("/")


@pytest.mark.parametrize("row", TELLING, indirect=True)
def test_a_variable_has_the_value_that_it_was_given_to_the_byte(row: Row) -> None:
    arn = row.put(environment={"variables": ODD_VALUES})
    assert row.ask("environment", arn=arn, names=list(ODD_VALUES)).value == ODD_VALUES


def test_the_environment_has_the_images_paths(row: Row) -> None:
    """Spec 6.5."""
    if not row.has_image:
        skip_of_local_mode("local mode has the machine's paths, not an image's")
    seen = row.ask("environment", names=list(row.language.variables)).value
    for name, pattern in row.language.variables.items():
        assert re.fullmatch(pattern, seen.get(name) or ""), name


def test_the_context_says_what_is_invoked(row: Row) -> None:
    """Spec 1.10."""
    answer = row.ask("context")
    seen, name = answer.value, row.arn.rsplit(":", 1)[1]
    assert seen["name"] == name
    assert seen["version"] == "$LATEST"
    assert seen["memory"] == str(row.language.memory_mb)
    assert seen["request"] == answer.request_id
    assert seen["arn"] == row.arn
    assert seen["group"] == f"/aws/lambda/{name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", seen["stream"])


def test_the_remaining_time_decreases_from_the_timeout(row: Row) -> None:
    row.ask("count")
    seen = row.ask("context").value
    assert TIMEOUT_S * 500 < seen["later"] < seen["remaining"] <= TIMEOUT_S * 1_000


def test_the_client_context_is_decoded(row: Row) -> None:
    context = base64.b64encode(json.dumps({"custom": {"k": "ü"}, "env": {"e": "1"}}).encode())
    assert row.ask("client", ClientContext=context.decode()).value == {"k": "ü"}
    assert row.ask("client").value is None


def test_an_error_has_type_message_and_stack_and_the_environment_stays(row: Row) -> None:
    """Spec 1.4: the keys in the order of the language's client."""
    before = row.ask("count").value
    answer = row.ask("raise")
    assert answer.is_error
    assert tuple(answer.value)[: len(row.language.error_keys)] == row.language.error_keys
    assert answer.value["errorType"] == row.language.error_type
    assert answer.value["errorMessage"] == "no"
    if row.language.stack_word:
        assert row.language.stack_word in "\n".join(answer.value[row.language.error_keys[-1]])
    assert row.ask("count").value == before + 2


def test_a_failed_init_is_what_the_runtime_posted_every_time(row: Row) -> None:
    """Spec 1.5."""
    arn = row.put_broken()
    for _ in range(2):
        answer = row.ask("echo", arn=arn)
        assert answer.is_error
        assert answer.value["errorType"] == row.language.init_error_type
        assert row.language.init_error_message in answer.value["errorMessage"]


def test_a_handler_that_does_not_exist_is_named(row: Row) -> None:
    """F11: at once, with a clear error."""
    answer = row.ask("echo", arn=row.put(**row.language.absent))
    assert answer.is_error
    assert answer.value["errorType"] == row.language.absent_error_type
    assert re.search("absent|valid bootstrap", answer.value["errorMessage"], re.IGNORECASE)


def test_the_wrapper_script_is_given_the_interpreter(row: Row) -> None:
    """Spec 6.5: for managed runtimes only; a missing one ends with status 127."""
    is_custom = row.language.runtime.startswith("provided")
    for wrapper, runs in (("/usr/bin/env", True), ("/nowhere/wrapper", is_custom)):
        variables = {"variables": {"AWS_LAMBDA_EXEC_WRAPPER": wrapper}}
        answer = row.ask("count", arn=row.put(environment=variables))
        assert answer.is_error is not runs
        if not runs:
            assert answer.value["errorType"] == "Runtime.ExitError"
            assert answer.value["errorMessage"].endswith("exit status 127")


def test_an_exit_is_an_exit_error_and_the_next_call_starts_anew(row: Row) -> None:
    """Spec 2.5."""
    row.ask("count")
    answer = row.ask("exit")
    assert answer.is_error
    assert answer.value == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: "
        "Runtime exited with error: exit status 3",
    }
    assert row.ask("count").value == 1


def test_a_timeout_ends_the_environment_and_the_next_call_starts_anew(row: Row) -> None:
    """Spec 2.5."""
    answer, later = row.timed_out.result()
    assert answer.is_error
    assert answer.value == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {answer.request_id} Error: Task timed out after 3.00 seconds",
    }
    assert later.value == 1


def test_6_mb_go_in_and_come_out(row: Row) -> None:
    """Spec 2.4 and 1.3."""
    around = len(json.dumps({"ask": "measure", "text": ""}))
    answer = row.ask("measure", text="x" * (REQUEST_BYTES_MAX - around))
    assert answer.value == REQUEST_BYTES_MAX - around
    answer = row.ask("text", length=RESPONSE_BYTES_MAX - 2)
    assert (answer.is_error, len(answer.payload)) == (False, RESPONSE_BYTES_MAX)


def test_log_lines_are_between_start_and_end(row: Row) -> None:
    """Spec 1.9 and 2.7."""
    row.ask("count")
    answer = row.ask("log", LogType="Tail")
    lines = "\n".join(row.language.log_lines).replace("{request}", answer.request_id)
    pattern = rf"START [^\n]*\n{lines}\nEND RequestId: {answer.request_id}\nREPORT .*"
    assert re.fullmatch(pattern, answer.tail, re.DOTALL), answer.tail


def test_records_that_say_their_own_level_are_left_out_below_the_functions(row: Row) -> None:
    """Spec 2.8, whichever language printed them; what is no JSON stays."""
    arn = row.put(loggingConfig={"logFormat": "JSON", "applicationLogLevel": "WARN"})
    records = [
        {"level": level, "timestamp": "2024-11-02T16:51:31.587Z", "msg": f"said with {level}"}
        for level in ("debug", "INFO", "warn", "ERROR")
    ]
    lines = [*(json.dumps(record) for record in records), "plain", json.dumps({"msg": "no level"})]
    answer = row.ask("print", arn=arn, text="\n".join(lines), LogType="Tail")
    assert [line for line in lines if line in answer.tail] == [lines[2], lines[3], "plain"]


def test_a_second_invocation_is_in_the_same_environment(row: Row) -> None:
    first = row.ask("count").value
    assert [row.ask("count").value for _ in range(3)] == [first + 1, first + 2, first + 3]


def test_a_language_either_streams_or_says_why_it_does_not() -> None:
    assert set(STREAMING) ^ set(BUFFERED) == set(LANGUAGES)


@pytest.mark.parametrize("row", STREAMING, indirect=True)
def test_parts_of_a_response_arrive_before_the_handler_has_ended(row: Row, gate: Gate) -> None:
    """Spec 1.3 and 2.3: the handler writes on when the caller has the first part."""
    raw = row.invoker.client.invoke_with_response_stream(
        FunctionName=row.put(handler=row.language.stream_handler),
        Payload=json.dumps({"ask": "stream", "gate": gate.url}),
    )
    events = iter(raw["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"first "
    gate.open()
    assert next(events)["PayloadChunk"]["Payload"] == b"second"
    assert list(events) == [{"InvokeComplete": {}}]


def test_a_whole_response_is_streamed_to_a_caller_who_wants_a_stream(row: Row) -> None:
    """Spec 2.3."""
    event = {"ask": "text", "length": 1_000_000}
    streamed = retry_while_throttled(lambda: invoke_streaming(row.invoker, row.arn, event))
    assert json.loads(streamed.body) == "z" * 1_000_000
    assert (streamed.end, streamed.count) == ({}, 1)


def test_an_error_is_told_in_the_end_of_a_stream(row: Row) -> None:
    """Spec 2.3: for an error that was posted, not sent in mid-stream, ``Unhandled``."""
    event = {"ask": "raise"}
    streamed = retry_while_throttled(lambda: invoke_streaming(row.invoker, row.arn, event))
    assert streamed.body == b""
    assert streamed.end["ErrorCode"] == "Unhandled"
    assert json.loads(streamed.end["ErrorDetails"])["errorType"] == row.language.error_type
