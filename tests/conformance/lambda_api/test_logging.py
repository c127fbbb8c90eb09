"""loggingConfig as AWS's runtime client and the reader of the log see it: spec 2.7 and 2.8."""

import json
import re
from typing import Any

import pytest

from conformance.lambda_api.invoker import Answer, Invoker

JSON = {"logFormat": "JSON"}
TEXT_LINES = re.compile(r"^(INIT_START|START|END|REPORT) ", re.MULTILINE)


def read_records(answer: Answer) -> list[dict[str, Any]]:
    """The objects among the lines of the tail."""
    lines = answer.tail.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def list_levels(answer: Answer) -> list[str]:
    return [record["level"] for record in read_records(answer) if "level" in record]


def list_types(answer: Answer) -> list[str]:
    return [record["type"] for record in read_records(answer) if "type" in record]


def invoke(invoker: Invoker, event: Any = None, **logging_config: str) -> Answer:
    arn = invoker.put("logs", loggingConfig=logging_config)
    return invoker(arn, event or {}, LogType="Tail")


def test_json_gives_the_functions_records_level_and_request_id(invoker: Invoker) -> None:
    answer = invoke(invoker, **JSON)
    records = [record for record in read_records(answer) if "level" in record]
    assert [record["message"] for record in records] == [
        f"said with {level}" for level in ("info", "warning", "error", "critical")
    ]
    assert {record["requestId"] for record in records} == {answer.request_id}
    assert {record["logger"] for record in records} == {"app"}
    assert "\nprinted\n" in answer.tail


def test_json_has_platform_records_in_place_of_start_end_and_report(invoker: Invoker) -> None:
    """INFO, the default, leaves out the runtimeDone of an event that went well."""
    answer = invoke(invoker, **JSON)
    assert list_types(answer) == ["platform.start", "platform.report"]
    assert not TEXT_LINES.search(answer.tail)
    start, report = (record for record in read_records(answer) if "type" in record)
    assert start["record"]["requestId"] == answer.request_id
    assert start["record"]["version"] == "$LATEST"
    assert report["record"]["requestId"] == answer.request_id
    assert report["record"]["status"] == "success"
    assert report["record"]["metrics"]["memorySizeMB"] == 128
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", report["time"])


def test_the_init_of_a_json_function_is_a_record_too(invoker: Invoker) -> None:
    arn = invoker.put("logs", loggingConfig={**JSON, "systemLogLevel": "DEBUG"})
    invoker(arn, {})
    kinds = ("initStart", "initRuntimeDone", "initReport")
    invoker.wait_for_log(arn, *(f'"type":"platform.{kind}"' for kind in kinds))


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("TRACE", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
        ("DEBUG", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
        ("INFO", ["INFO", "WARNING", "ERROR", "CRITICAL"]),
        ("WARN", ["WARNING", "ERROR", "CRITICAL"]),
        ("ERROR", ["ERROR", "CRITICAL"]),
        ("FATAL", ["CRITICAL"]),
    ],
)
@pytest.mark.one_on_cluster
def test_the_application_level_leaves_out_what_is_below_it(
    invoker: Invoker, level: str, expected: list[str]
) -> None:
    answer = invoke(invoker, **JSON, applicationLogLevel=level)
    assert list_levels(answer) == expected
    assert list_types(answer) == ["platform.start", "platform.report"], "that is another level"


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("DEBUG", ["platform.start", "platform.runtimeDone", "platform.report"]),
        ("INFO", ["platform.start", "platform.report"]),
        ("WARN", []),
    ],
)
@pytest.mark.one_on_cluster
def test_the_system_level_leaves_out_what_is_below_it(
    invoker: Invoker, level: str, expected: list[str]
) -> None:
    answer = invoke(invoker, **JSON, systemLogLevel=level)
    assert list_types(answer) == expected
    assert list_levels(answer) == ["INFO", "WARNING", "ERROR", "CRITICAL"], "that is another level"


def test_an_event_that_fails_is_told_also_at_warn(invoker: Invoker) -> None:
    answer = invoke(invoker, {"fails": True}, **JSON, systemLogLevel="WARN")
    assert answer.is_error
    assert list_types(answer) == ["platform.runtimeDone", "platform.report"]
    (failure,) = (
        record for record in read_records(answer) if record.get("errorType") == "ValueError"
    )
    assert failure["level"] == "ERROR"
    assert failure["errorMessage"] == "no"
    assert failure["requestId"] == answer.request_id


def test_json_tells_the_runtime_client_so_and_text_tells_it_nothing(invoker: Invoker) -> None:
    seen = invoke(invoker, **JSON, applicationLogLevel="ERROR").value
    assert (seen["AWS_LAMBDA_LOG_FORMAT"], seen["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "ERROR")
    answer = invoke(invoker, logFormat="Text")
    assert answer.value["AWS_LAMBDA_LOG_FORMAT"] is answer.value["AWS_LAMBDA_LOG_LEVEL"] is None
    assert answer.tail.startswith(f"START RequestId: {answer.request_id} ")
    assert f"[ERROR]\t{answer.tail.split('[ERROR]')[1][1:25]}\t{answer.request_id}" in answer.tail


def test_a_log_group_of_its_own_choice_is_seen_and_names_the_function_in_the_stream(
    invoker: Invoker,
) -> None:
    arn = invoker.put("logs", loggingConfig={"logGroup": "/team/a.b_c#1"})
    name, seen = arn.rsplit(":", 1)[1], invoker(arn, {}).value
    assert seen["AWS_LAMBDA_LOG_GROUP_NAME"] == seen["group"] == "/team/a.b_c#1"
    unique = r"\[\$LATEST\][0-9a-f]{32}"
    assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/{re.escape(name)}{unique}", seen["stream"])
    plain = invoke(invoker, logFormat="Text").value
    assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/{unique}", plain["stream"])


def test_what_is_printed_when_the_runtime_ends_arrives_after_its_records(invoker: Invoker) -> None:
    """The client closes its log descriptor (spec 1.9) before that.

    The words are this test's own, since local mode has one log for all functions.
    """
    source = "import atexit\natexit.register(print, 'farewell')\nraise ValueError('leaving')\n"
    arn = invoker.put(code={"inline": {"app.py": source}})
    assert invoker(arn, {}).is_error
    log = invoker.wait_for_log(arn, "farewell").split("[ERROR] ValueError: leaving\n")[1]
    assert "\nfarewell\n" in log
