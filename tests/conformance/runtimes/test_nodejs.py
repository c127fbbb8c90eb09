"""Shapes of handlers that only Node has: callback, empty event loop, ES modules, streams.

nodejs22.x has aws-lambda-ric 3, nodejs24.x aws-lambda-ric 4 (docs/adr/0005).
"""

import json
from typing import Any

import pytest

from conformance.lambda_api.invoker import Answer
from conformance.runtimes.conftest import Row
from conformance.runtimes.packages import SOURCES

pytestmark = pytest.mark.parametrize("row", ["nodejs", "nodejs24"], indirect=True)

REFUSAL = (
    "ERROR: AWS Lambda has removed support for callback-based function handlers starting with "
    "Node.js 24. You need to modify this function to use a supported handler signature to use "
    "Node.js 24 or later. For more information see "
    "https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html."
)


def put(node: Row, handler: str) -> str:
    names = ("forms.js", "module.mjs")
    files = {name: (SOURCES / "nodejs" / name).read_text() for name in names}
    return node.put(handler=handler, code={"inline": files})


def invoke(node: Row, handler: str, event: Any = None, **asked: Any) -> Answer:
    return node.invoker(put(node, handler), event, **asked)


def of_each(row: Row, *, nodejs22: object, nodejs24: object) -> object:
    return nodejs24 if row.name == "nodejs24" else nodejs22


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("forms.callback", "called back with you"),
        ("forms.hurries", "at once"),
        ("forms.waits", True),
    ],
)
@pytest.mark.one_on_cluster
def test_a_callback_is_taken_by_nodejs22_and_refused_by_nodejs24_every_time(
    row: Row, handler: str, expected: object
) -> None:
    arn = put(row, handler)
    for _ in range(2):
        answer = row.invoker(arn, {"value": "you"})
        if row.name == "nodejs":
            assert answer.value == expected
            continue
        assert answer.is_error
        assert list(answer.value) == ["errorType", "errorMessage", "trace"]
        assert answer.value["errorType"] == "Runtime.CallbackHandlerDeprecated"
        assert answer.value["errorMessage"] == REFUSAL


@pytest.mark.parametrize(
    ("handler", "nodejs22", "nodejs24"),
    [
        ("forms.nothing", None, None),
        ("forms.returns", None, "without a promise"),
        ("forms.counted", 3, 2),
        ("forms.nested.inner.handler", "nested", "nested"),
        ("module.handler", "module.mjs awaited at the top", "module.mjs awaited at the top"),
    ],
)
@pytest.mark.one_on_cluster
def test_the_answer_is_what_the_handler_gives(
    row: Row, handler: str, nodejs22: object, nodejs24: object
) -> None:
    answer = invoke(row, handler, {"value": "you"})
    assert not answer.is_error
    assert answer.value == of_each(row, nodejs22=nodejs22, nodejs24=nodejs24)


def test_an_export_is_looked_for_in_the_default_export_by_nodejs24_only(row: Row) -> None:
    answer = invoke(row, "module.inner")
    if row.name == "nodejs24":
        assert answer.value == "of the default export"
    else:
        assert answer.value["errorType"] == "Runtime.HandlerNotFound"


def test_context_done_is_gone_in_nodejs24(row: Row) -> None:
    answer = invoke(row, "forms.done")
    if row.name == "nodejs":
        assert answer.value == "done"
    else:
        assert answer.is_error
        assert answer.value["errorMessage"] == "context.done is not a function"


def test_a_callback_waits_for_the_empty_event_loop(row: Row) -> None:
    if row.name == "nodejs24":
        assert invoke(row, "forms.waits").value["errorMessage"] == REFUSAL
        return
    answer = invoke(row, "forms.waits", LogType="Tail")
    assert answer.value is True
    assert "INFO\tdone before the answer\nEND" in answer.tail


def test_a_callback_may_give_an_error(row: Row) -> None:
    answer = invoke(row, "forms.callbackError")
    assert answer.is_error
    assert (answer.value["errorType"], answer.value["errorMessage"]) == of_each(
        row,
        nodejs22=("TypeError", "by callback"),
        nodejs24=("Runtime.CallbackHandlerDeprecated", REFUSAL),
    )


@pytest.mark.parametrize("handler", ["forms.rejects", "forms.throwsLater"])
@pytest.mark.one_on_cluster
def test_an_error_that_nobody_handles_is_the_answer_at_once(row: Row, handler: str) -> None:
    """nodejs22.x posts it; in nodejs24.x it ends the process. The handler waits on, for longer
    than its timeout."""
    answer = invoke(row, handler)
    assert answer.is_error
    posted = {
        "forms.rejects": ("Runtime.UnhandledPromiseRejection", "TypeError: nobody looks"),
        "forms.throwsLater": ("RangeError", "later"),
    }
    exited = f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 1"
    assert (answer.value["errorType"], answer.value["errorMessage"]) == of_each(
        row, nodejs22=posted[handler], nodejs24=("Runtime.ExitError", exited)
    )


def test_a_promise_that_nothing_can_settle_is_an_error_and_the_next_call_starts_anew(
    row: Row,
) -> None:
    arn = put(row, "forms.neverSettled")
    for _ in range(2):
        answer = row.invoker(arn, {}, LogType="Tail")
        assert answer.is_error
        assert answer.value["errorType"] == "Runtime.NodejsExit"
        assert "a Promise that was never settled" in answer.value["errorMessage"]
        assert "INFO\twaits\n" in answer.tail


def test_a_rejection_that_nobody_handles_says_where_it_came_from(row: Row) -> None:
    answer = invoke(row, "forms.forgets", LogType="Tail")
    assert answer.is_error
    assert "chargeCard" in answer.tail
    if row.name == "nodejs":
        record = json.loads(
            answer.tail.partition("Unhandled Promise Rejection \t")[2].split("\n")[0]
        )
        assert record["reason"]["errorType"] == "RangeError"
        assert record["reason"]["errorMessage"] == "declined"
        assert "chargeCard" in "\n".join(record["reason"]["stack"])


def test_the_trace_of_each_event_is_in_the_environment(row: Row) -> None:
    arn = put(row, "forms.traced")
    one, other = (row.invoker(arn, {}).value for _ in range(2))
    assert one.startswith("Root=1-")
    assert other.startswith("Root=1-")
    assert one != other


def test_a_handler_in_a_directory_is_its_index_for_nodejs22_only(row: Row) -> None:
    files = {"src/fn/index.js": "exports.handler = async () => 'from index.js'"}
    answer = row.invoker(row.put(handler="src/fn.handler", code={"inline": files}), {})
    if row.name == "nodejs":
        assert answer.value == "from index.js"
    else:
        assert "Directory import" in answer.value["errorMessage"]


def test_a_byte_order_mark_in_a_package_json_keeps_nothing_from_running(row: Row) -> None:
    files = {
        "app.js": "exports.handler = async () => 'ok'",
        "package.json": '\ufeff{"name": "x"}',
    }
    assert row.invoker(row.put(handler="app.handler", code={"inline": files}), {}).value == "ok"


@pytest.mark.parametrize("handler", ["forms.cyclic", "forms.largeNumber"])
@pytest.mark.one_on_cluster
def test_a_result_that_is_no_json_is_an_error(row: Row, handler: str) -> None:
    answer = invoke(row, handler)
    assert answer.is_error
    error_type = of_each(row, nodejs22="Error", nodejs24="Runtime.JSONStringifyError")
    assert answer.value["errorType"] == error_type
    assert answer.value["errorMessage"] == "Unable to stringify response body"


def test_a_thrown_text_is_described_by_its_type(row: Row) -> None:
    answer = invoke(row, "forms.throwsText")
    assert answer.is_error
    assert answer.value == {"errorType": "string", "errorMessage": "a text", "trace": []}


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
@pytest.mark.one_on_cluster
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
    records = [line for line in lines if "level" in line]
    assert [record["level"] for record in records] == ["INFO", "ERROR"]
    assert {record["requestId"] for record in records} == {answer.request_id}
    assert records[0]["message"] == "said ü"
    assert "TypeError" in json.dumps(records[1])
    assert [line["type"] for line in lines if "type" in line] == [
        "platform.start",
        "platform.report",
    ]
