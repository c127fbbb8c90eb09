"""Records of a language's own logger, and of errors: their format, their level (spec 1.9, 2.8)."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from conformance.lambda_api.invoker import Answer
from conformance.runtimes.conftest import Row
from conformance.runtimes.languages import LANGUAGES

RUBY = pytest.mark.parametrize("row", ["ruby"], indirect=True)
MANAGED = pytest.mark.parametrize(
    "row",
    [name for name, language in LANGUAGES.items() if not language.runtime.startswith("provided")],
    indirect=True,
)
PYTHON_LOG = """
import logging
logging.getLogger().setLevel("DEBUG")
def handler(event, context):
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logging, level)("said with %s", level)
"""
RUBY_LOG = """
require 'logger'
LOG = Logger.new($stdout)
def handler(**)
  LOG.debug('low')
  LOG.info("two\\nlines")
  Logger.new($stderr, progname: 'shop').error(ArgumentError.new('refused'))
  own = ->(level, *, message) { "#{level}! #{message}\\n" }
  Logger.new($stdout, formatter: own).warn('own format')
  Logger.new($stdout, level: Logger::ERROR).warn('never said')
end
"""


def log(row: Row, name: str, text: str, *, level: str = "") -> Answer:
    """What handler ``handler`` of file ``name`` logs; as JSON where there is a level."""
    logging = {"logFormat": "JSON", "applicationLogLevel": level} if level else {}
    code = {"inline": {name: text}}
    arn = row.put(handler="app.handler", code=code, loggingConfig=logging)
    return row.invoker(arn, {}, LogType="Tail")


def read_records(answer: Answer) -> list[Mapping[str, Any]]:
    """The function's own records, without the platform's."""
    lines = [line for line in answer.tail.splitlines() if line.startswith("{")]
    return [record for record in map(json.loads, lines) if "level" in record]


@MANAGED
@pytest.mark.parametrize("level", ["WARN", "ERROR"])
@pytest.mark.one_on_cluster
def test_an_error_that_the_handler_raises_is_in_the_log_whatever_level_it_has(
    row: Row, level: str
) -> None:
    logging = {"logFormat": "JSON", "applicationLogLevel": level}
    answer = row.ask("raise", arn=row.put(loggingConfig=logging), LogType="Tail")
    assert answer.is_error
    (record,) = read_records(answer)
    assert record["level"].upper() == "ERROR"
    assert re.search('": "no[":]', json.dumps(record))  # Java's is a text with the stack


@pytest.mark.parametrize("row", ["python"], indirect=True)
def test_a_level_that_pythons_code_sets_lets_nothing_through_below_the_functions(row: Row) -> None:
    answer = log(row, "app.py", PYTHON_LOG, level="WARN")
    assert [record["level"] for record in read_records(answer)] == ["WARNING", "ERROR", "CRITICAL"]


@RUBY
def test_rubys_logger_says_which_request_a_record_belongs_to(row: Row) -> None:
    answer = log(row, "app.rb", RUBY_LOG)
    time = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} #\d+\]"
    request = answer.request_id
    for pattern in (
        rf"^D, {time} DEBUG {request} -- : low$",
        rf"^I, {time}  INFO {request} -- : two\nlines$",
        rf"^E, {time} ERROR {request} -- shop: refused \(ArgumentError\)$",
        "^WARN! own format$",
    ):
        assert re.search(pattern, answer.tail, re.MULTILINE), f"{pattern} in {answer.tail}"
    assert "never said" not in answer.tail


@RUBY
def test_rubys_logger_makes_json_records_from_the_functions_level_upwards(row: Row) -> None:
    answer = log(row, "app.rb", RUBY_LOG, level="INFO")
    two, refused = read_records(answer)
    keys = ["timestamp", "level", "message", "requestId"]
    assert (list(two), two["message"]) == (keys, "two\nlines")
    assert two["requestId"] == answer.request_id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", two["timestamp"])
    shown = {name: refused[name] for name in ("level", "message", "logger", "errorType")}
    wanted = {"level": "ERROR", "message": "refused", "logger": "shop"}
    assert shown == wanted | {"errorType": "ArgumentError"}
    assert "WARN! own format\n" in answer.tail
    assert "never said" not in answer.tail
