"""Shapes of handlers that only Node has: callback, empty event loop, ES modules, streams."""

import json
import time
from typing import Any

import pytest

from conformance.lambda_api.invoker import Answer
from conformance.runtimes.conftest import Row
from conformance.runtimes.packages import SOURCES

pytestmark = pytest.mark.parametrize("row", ["nodejs"], indirect=True)


def invoke(node: Row, handler: str, event: Any = None, **asked: Any) -> Answer:
    names = ("forms.js", "module.mjs")
    files = {name: (SOURCES / "nodejs" / name).read_text() for name in names}
    arn = node.put(handler=handler, code={"inline": files})
    return node.invoker(arn, event, **asked)


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("forms.callback", "called back with you"),
        ("forms.hurries", "at once"),
        ("forms.done", "done"),
        ("forms.nothing", None),
        ("forms.nested.inner.handler", "nested"),
        ("module.handler", "module.mjs awaited at the top"),
    ],
)
def test_the_answer_is_the_first_that_the_handler_gives(
    row: Row, handler: str, expected: object
) -> None:
    assert invoke(row, handler, {"value": "you"}).value == expected


def test_a_callback_waits_for_the_empty_event_loop(row: Row) -> None:
    answer = invoke(row, "forms.waits", LogType="Tail")
    assert answer.value is True
    assert "INFO\tdone before the answer\nEND" in answer.tail


def test_a_callback_may_give_an_error(row: Row) -> None:
    answer = invoke(row, "forms.callbackError")
    assert answer.is_error
    assert (answer.value["errorType"], answer.value["errorMessage"]) == ("TypeError", "by callback")


def test_a_rejection_that_nobody_handles_is_the_answer_at_once(row: Row) -> None:
    began = time.monotonic()
    answer = invoke(row, "forms.rejects")
    assert answer.is_error
    assert answer.value["errorType"] == "Runtime.UnhandledPromiseRejection"
    assert answer.value["errorMessage"] == "TypeError: nobody looks"
    assert time.monotonic() - began < 5


def test_a_result_that_is_no_json_is_an_error(row: Row) -> None:
    answer = invoke(row, "forms.cyclic")
    assert answer.is_error
    assert answer.value["errorMessage"].endswith("Unable to stringify response body")


def test_an_error_is_logged_with_its_request(row: Row) -> None:
    answer = row.ask("raise", LogType="Tail")
    expected = (
        f'\t{answer.request_id}\tERROR\tInvoke Error \t{{"errorType":"Refused","errorMessage":"no"'
    )
    assert expected in answer.tail


def test_a_stream_is_buffered_for_an_ordinary_invocation(row: Row) -> None:
    """Spec 1.3: prelude, eight NUL bytes, body."""
    answer = invoke(row, "forms.stream", {"value": "on"})
    assert not answer.is_error
    assert answer.payload == b'{"statusCode":201}' + bytes(8) + b"streamed on"


def test_a_stream_that_never_began_may_fail(row: Row) -> None:
    answer = invoke(row, "forms.streamRefuses")
    assert answer.is_error
    assert (answer.value["errorType"], answer.value["errorMessage"]) == (
        "TypeError",
        "nothing written",
    )


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("absent.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'absent'"),
        ("app.absent", "Runtime.HandlerNotFound", "app.absent is undefined or not exported"),
        ("nodots", "Runtime.MalformedHandlerName", "Bad handler"),
        ("broken.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
    ],
)
def test_a_handler_that_is_missing_is_named(
    row: Row, handler: str, error_type: str, message: str
) -> None:
    """F11."""
    code = {"inline": {"app.js": "exports.handler = 1", "broken.js": "exports.handler = ("}}
    answer = row.invoker(row.put(handler=handler, code=code))
    assert answer.is_error
    assert answer.value["errorType"] == error_type
    assert answer.value["errorMessage"].startswith(message)


@pytest.mark.usefixtures("node_sdk")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        (
            "app.mjs",
            "import { STSClient as C } from '@aws-sdk/client-sts'\n"
            "export const handler = async () => C.name",
        ),
        (
            "app.js",
            "const { STSClient } = require('@aws-sdk/client-sts')\n"
            "exports.handler = async () => STSClient.name",
        ),
    ],
    ids=["ES module", "CommonJS"],
)
def test_the_bundled_sdk_is_found_by_both_kinds_of_modules(row: Row, name: str, code: str) -> None:
    """Spec 6.3."""
    assert row.invoker(row.put(code={"inline": {name: code}})).value == "STSClient"


def test_json_logging_makes_records_of_console_from_the_level_upwards(row: Row) -> None:
    """Spec 2.8: format and level are told to the client by variables."""
    code = {"inline": {"forms.js": (SOURCES / "nodejs" / "forms.js").read_text()}}
    logging = {"logFormat": "JSON", "applicationLogLevel": "INFO"}
    arn = row.put(handler="forms.logs", code=code, loggingConfig=logging)
    answer = row.invoker(arn, {"value": "ü"}, LogType="Tail")
    lines = [json.loads(line) for line in answer.tail.splitlines()]
    records = [one for one in lines if "level" in one]
    assert [one["level"] for one in records] == ["INFO", "ERROR"]
    assert {one["requestId"] for one in records} == {answer.request_id}
    assert records[0]["message"] == "said ü"
    assert "TypeError" in json.dumps(records[1])
    assert [one["type"] for one in lines if "type" in one] == ["platform.start", "platform.report"]
