"""Handlers of .NET in every shape: libraries, programs, published packages and those of old."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.lambda_api.invoker import Answer
from conformance.runtimes.conftest import Row
from conformance.runtimes.dotnet_packages import read_package, zip_executable, zip_published
from conformance.runtimes.packages import SOURCES

pytestmark = pytest.mark.parametrize("row", ["dotnet"], indirect=True)
ORDER = {"Item": "tea", "Count": 2}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
PLATFORM = {
    "context": "function",
    "by name": "Example.Order",
    "loaded": "Library",
    "library": "hello you",
    "native": "called",
    "heap": "within the memory",
    "number": "1.234,5",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, object]:
    return zip_published(tmp_path_factory.mktemp("published"))


def call(
    row: Row, code: Mapping[str, object], method: str, event: object = None, **spec: Any
) -> Answer:
    """What ``method`` of the assembly Shapes answers; a type's name may stand before it."""
    kind, _, name = method.rpartition("::")
    handler = f"Shapes::Example.{kind or 'Shapes'}::{name}"
    return row.invoker(row.put(handler=handler, code=code, **spec), event, LogType="Tail")


@pytest.mark.parametrize(
    ("method", "event", "expected"),
    [
        ("Streams", {"any": [1]}, {"any": [1]}),
        ("Text", "you", "hello you"),
        ("Poco", {"item": "tea", "count": 2}, {"Item": "tea", "Count": 3}),
        ("Generic", {"a": ORDER, "b": ORDER}, [ORDER, ORDER]),
        ("Value", 4, 5),
        ("Value", None, None),
        ("Nothing", {}, "nothing asked"),
        ("ContextFirst", "x", "$LATESTx"),
        ("ContextLast", "x", "x$LATEST"),
        ("TaskOfOrder", ORDER, ORDER),
        ("TaskOfStream", [1], [1]),
        ("ValueTaskOfText", "you", "you"),
        ("Static", "you", "static you"),
        ("Made", {}, 11),
        ("Private", "you", "private you"),
        ("OwnSerializer", "you", "YOU"),
        ("Shapes+Inside::Handle", {}, "nested"),
        ("Derived::Describe", [ORDER], "List`1"),
    ],
)
@pytest.mark.one_on_cluster
def test_a_method_of_any_shape_is_a_handler(
    row: Row, published: Mapping[str, object], method: str, event: object, expected: object
) -> None:
    answer = call(row, published, method, event)
    assert (answer.is_error, answer.value) == (False, expected)


@pytest.mark.parametrize("method", ["Void", "PlainTask", "PlainValueTask"])
@pytest.mark.one_on_cluster
def test_a_method_that_gives_nothing_answers_nothing(
    row: Row, published: Mapping[str, object], method: str
) -> None:
    answer = call(row, published, method, "you")
    assert (answer.is_error, answer.payload) == (False, b"")


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("Overloaded", r"appears to have a number of overloads.*\n.*Overloaded\(Int32\)\."),
        (
            "Absent",
            "Unable to find method 'Absent' in type 'Example.Shapes' from assembly 'Shapes'",
        ),
        ("Absent::Handle", "Unable to load type 'Example.Absent' from assembly 'Shapes'."),
        ("Three", "the method has more than 2 parameters"),
        ("Two", "2 parameters, but the second parameter is not of type 'Amazon.Lambda.Core.ILam"),
        ("GenericMethod", "because it is a generic method"),
        ("AsyncVoid", "because it is an 'async void' method"),
        ("Open`1::Handle", "because it is generic"),
        ("Unfinished::Handle", "because its type 'Example.Unfinished' is abstract"),
    ],
)
@pytest.mark.one_on_cluster
def test_what_cannot_be_a_handler_is_refused_with_the_reason(
    row: Row, published: Mapping[str, object], method: str, message: str
) -> None:
    answer = call(row, published, method)
    assert answer.is_error
    assert answer.value["errorType"] == "LambdaValidationException"
    assert re.search(message, answer.value["errorMessage"], re.DOTALL)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("One", ("Refused", "alone")),
        ("Async", ("Refused", "later")),
        ("Nested", ("Refused", "outer", ("InvalidOperationException", "inner"))),
        (
            "StaticFails::Handle",
            (
                "TypeInitializationException",
                "The type initializer for 'Example.StaticFails' threw an exception.",
                ("InvalidOperationException", "not today"),
            ),
        ),
    ],
)
@pytest.mark.one_on_cluster
def test_an_error_is_what_was_thrown_with_its_causes(
    row: Row, published: Mapping[str, object], method: str, expected: object
) -> None:
    answer = call(row, published, method)
    assert answer.is_error
    assert flatten(answer.value) == expected


def flatten(error: Mapping[str, Any]) -> tuple[Any, ...]:
    """Type, message and, where there is one, the cause."""
    assert list(error)[:2] == ["errorType", "errorMessage"]
    cause = (flatten(error["cause"]),) if "cause" in error else ()
    return (error["errorType"], error["errorMessage"], *cause)


def test_several_errors_at_once_are_an_aggregate_with_all_of_them(
    row: Row, published: Mapping[str, object]
) -> None:
    error = call(row, published, "Several").value
    assert error["errorType"] == "AggregateException"
    assert [one["errorMessage"] for one in error["causes"]] == ["first", "second"]


def test_a_published_package_finds_its_libraries_and_runs_on_dotnet_8(
    row: Row, published: Mapping[str, object]
) -> None:
    """What deps.json names, in a load context of its own; .NET knows the world's cultures."""
    seen = call(row, published, "Platform", {}).value
    assert seen.pop("framework").startswith(".NET 8.")
    assert seen == PLATFORM


def test_a_record_says_time_request_and_level(row: Row, published: Mapping[str, object]) -> None:
    answer = call(row, published, "Logs", ORDER)
    start = rf"{TIME}\t{answer.request_id}\t"
    expected = [
        rf"{start}info\t2 printed",
        rf"{start}fail\tto stderr",
        "raw",
        rf"{start}warn\t2 of tea",
        rf"{start}fail\twhile packing",
        "System.InvalidOperationException: broken",
        rf"{start}static",
        rf"{start}crit\tstatic too",
    ]
    lines = read_lines(answer)
    assert len(lines) == len(expected)
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line)


def read_lines(answer: Answer) -> list[str]:
    """The function's own."""
    return [line for line in answer.tail.splitlines() if not re.match("START|END|REPORT", line)]


def test_the_switches_of_awss_client_are_heeded(row: Row, published: Mapping[str, object]) -> None:
    switches = {
        "AWS_LAMBDA_HANDLER_LOG_FORMAT": "Unformatted",
        "AWS_LAMBDA_HANDLER_LOG_LEVEL": "Debug",
        "AWS_LAMBDA_DOTNET_PREJIT": "Always",
    }
    answer = call(row, published, "Logs", ORDER, environment={"variables": switches})
    assert read_lines(answer) == [
        *("2 printed", "to stderr", "raw", "unseen", "2 of tea", "while packing"),
        "System.InvalidOperationException: broken",
        *("static", "static too"),
    ]


def test_records_are_json_from_the_functions_level_upwards(
    row: Row, published: Mapping[str, object]
) -> None:
    logging = {"logFormat": "JSON", "applicationLogLevel": "WARN"}
    answer = call(row, published, "Logs", ORDER, loggingConfig=logging)
    records = [json.loads(line) for line in answer.tail.splitlines() if '"level"' in line]
    assert [(one["level"], one["message"]) for one in records] == [
        ("Error", "to stderr"),
        ("Warning", "2 of tea"),
        ("Error", "while packing"),
        ("Critical", "static too"),
    ]
    assert list(records[1]) == ["timestamp", "level", "requestId", "message", "count", "item"]
    assert (records[1]["count"], records[1]["item"]) == (2, "tea")
    assert records[2]["errorType"] == "System.InvalidOperationException"
    assert "raw\n" in answer.tail


def test_a_handler_without_colons_is_a_program_that_runs_itself(row: Row, tmp_path: Path) -> None:
    code = zip_executable(tmp_path)
    for handler in ("Program", "Program.dll"):
        answer = row.invoker(row.put(handler=handler, code=code), {"k": 1})
        assert answer.value == {"asked": '{"k": 1}', "handler": handler}
    answer = row.invoker(row.put(handler="Absent", code=code))
    assert answer.value["errorMessage"].endswith("exit status 104")


def test_a_package_that_was_compiled_for_mono_runs_as_before(row: Row) -> None:
    """By mono's mcs for the .NET Framework, with its JSON serializer: dotnet8 was mono once."""
    arn = row.put(code=read_package("mono-app.zip"))
    value = {"k": ["ü", "\U0001f600", 1, 2.5, None, True], "e": {}}
    assert row.ask("echo", arn=arn, value=value).value == value
    assert row.ask("count", arn=arn).value == 2
    assert row.ask("environment", arn=arn, names=["_HANDLER"]).value == {
        "_HANDLER": row.language.handler
    }
    assert row.ask("context", arn=arn).value["version"] == "$LATEST"
    assert row.ask("raise", arn=arn).value["errorType"] == "Refused"


MONO_EVENT = json.loads("""
{"number": 3, "Name": "x", "Size": 1, "Parts": [{"Number": 1}], "Maybe": null, "Weight": 2.5,
 "Id": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "Stock": {"a": 1}, "Codes": [1, 2],
 "big": 12345678901, "exact": 1.25, "power": 1e+22, "none": null, "deep": {"list": [[1]]},
 "empty": []}
""")


def test_the_serializer_of_monos_time_reads_and_writes_as_it_did(row: Row) -> None:
    """What mono answered is in mono-json.txt."""
    handler = "MonoJson::Example.MonoJson::Handle"
    arn = row.put(handler=handler, code=read_package("mono-app.zip"))
    answer = row.invoker(arn, MONO_EVENT)
    assert answer.payload == (SOURCES / "dotnet" / "mono-json.txt").read_bytes()
