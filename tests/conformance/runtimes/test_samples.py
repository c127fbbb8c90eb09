"""Handlers in the style of AWS's own samples, deployed as their authors would deploy them.

Every row is a sample, built by its language's own tools and uploaded as a package, and an event in
the shape that AWS documents for its source. What Lambda answers and logs is held to the byte.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from conformance.lambda_api.invoker import Answer, Invoker
from conformance.runtimes import (
    sample_cases_go,
    sample_cases_java,
    sample_cases_nodejs,
    sample_cases_python,
)
from conformance.runtimes.conftest import TIMEOUT_S, skip_absent
from conformance.runtimes.languages import LANGUAGES
from conformance.runtimes.sample_cases import Case, Failure, Sample
from conformance.runtimes.sample_packages import UnbuildableError, build_project

CASES = [
    *sample_cases_python.CASES,
    *sample_cases_nodejs.CASES,
    *sample_cases_java.CASES,
    *sample_cases_go.CASES,
]
pytestmark = pytest.mark.timeout(300)  # the first build fetches libraries


@pytest.fixture(scope="session")
def push(invoker: Invoker) -> Callable[[Sample], str]:
    """The sample's package, built and uploaded once."""

    @cache
    def run(project: str, package: str) -> str:
        return invoker.push(build_project(project) / package)

    return lambda sample: run(sample.project, sample.package)


@pytest.fixture
def deploy(
    invoker: Invoker,
    absent: dict[str, str],
    push: Callable[[Sample], str],
) -> Iterator[Callable[..., str]]:
    """Makes a function of a sample for the length of one test; its ARN."""
    made: list[str] = []

    def run(sample: Sample, **spec: object) -> str:
        for need in sample.needs:
            if need in absent:
                skip_absent(need, absent[need])
        try:
            package = push(sample)
        except UnbuildableError as error:
            skip_absent(f"samples of {sample.project}", str(error))
        arn = invoker.put(
            runtime=sample.runtime,
            handler=sample.handler,
            memorySize=sample.memory_mb,
            timeout=TIMEOUT_S,
            code={"package": package},
            **spec,
        )
        made.append(arn)
        return arn

    yield run
    for arn in made:
        invoker.target.drop(arn.rsplit(":", 1)[1])


def list_cases() -> Iterator[Any]:
    """Every case; on a cluster the first of each sample (docs/testing.md)."""
    seen: set[Sample] = set()
    for case in CASES:
        marks = [pytest.mark.local_only] if case.sample in seen else []
        seen.add(case.sample)
        yield pytest.param(case, id=f"{case.sample.language}: {case.rule}", marks=marks)


@pytest.mark.parametrize("case", list(list_cases()))
def test_a_sample_does_as_on_lambda(
    case: Case, deploy: Callable[..., str], invoker: Invoker
) -> None:
    arn = deploy(case.sample)
    answer = invoker(arn, case.event, LogType="Tail")
    if isinstance(case.answer, Failure):
        check_failure(case, answer, arn)
    else:
        assert answer.payload.decode() == name_invocation(case.answer, answer, arn)
        assert not answer.is_error
    if case.log is not None:
        check_log(case, answer, arn)


def test_records_of_javas_logger_are_json_where_that_is_asked_for(
    deploy: Callable[..., str], invoker: Invoker
) -> None:
    """Spec 2.8: each is an object on a line of its own, whatever it says."""
    arn = deploy(sample_cases_java.sample("MapHandler"), loggingConfig={"logFormat": "JSON"})
    answer = invoker(arn, {"a": "ü"}, LogType="Tail")
    lines = [json.loads(line) for line in answer.tail.splitlines() if "KIND" not in line]
    records = [line for line in lines if "message" in line]
    assert [record["message"] for record in records] == [
        'EVENT: {\n  "a": "ü"\n}',
        "EVENT TYPE: class java.util.LinkedHashMap",
    ]
    assert {record["AWSRequestId"] for record in records} == {answer.request_id}
    assert next(line["type"] for line in lines if "type" in line) == "platform.start"


def check_failure(case: Case, answer: Answer, arn: str) -> None:
    """Spec 1.4: keys in the order of the language's client, the stack names the function's code."""
    expected = case.answer
    assert isinstance(expected, Failure)
    assert answer.is_error
    keys = LANGUAGES[case.sample.language].error_keys
    assert tuple(answer.value)[: len(keys)] == keys
    assert answer.value["errorType"] == expected.type
    message = name_invocation(expected.message, answer, arn)
    assert re.fullmatch(message, answer.value["errorMessage"])
    stack = answer.value.get("stackTrace") or answer.value.get("trace") or []
    assert expected.stack in "\n".join(map(str, stack))
    assert bool(stack) is bool(expected.stack)


def check_log(case: Case, answer: Answer, arn: str) -> None:
    """Spec 2.7: every line between START and END."""
    assert case.log is not None
    lines = "".join(f"{name_invocation(line, answer, arn)}\n" for line in case.log)
    pattern = rf"START [^\n]*\n{lines}END RequestId: {answer.request_id}\nREPORT [^\n]*\n"
    assert re.fullmatch(pattern, answer.tail), f"\n{answer.tail}\nis not\n{pattern}"


def name_invocation(text: str, answer: Answer, arn: str) -> str:
    """``text`` with what is this invocation's own; needs no escaping as a pattern."""
    own = {"$REQUEST": answer.request_id, "$FUNCTION": arn.rsplit(":", 1)[1], "$ARN": arn}
    for name, value in own.items():
        text = text.replace(name, value)
    return text
