"""What an author reads about a refused object says what to write instead."""

from typing import Any

import pytest
from pydantic import ValidationError

from kubelambda.api.findings import describe_errors
from kubelambda.api.v1alpha1.function import LambdaFunction

SPEC: dict[str, Any] = {
    "runtime": "python3.13",
    "handler": "app.handler",
    "code": {"inline": {"app.py": "x = 1"}},
}
MANIFEST: dict[str, Any] = {
    "apiVersion": "kubelambda.io/v1alpha1",
    "kind": "LambdaFunction",
    "metadata": {"name": "hello"},
}


def describe(spec: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        LambdaFunction.model_validate({**MANIFEST, "spec": spec})
    return describe_errors(caught.value, LambdaFunction)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            {"environment": {"variables": {"DEBUG": 1}}},
            "spec.environment.variables.DEBUG: must be text; numbers, true and false need quotes",
            id="a number as the value of a variable",
        ),
        pytest.param(
            {"memorySize": "256MB"},
            "spec.memorySize: must be a whole number, without quotes or a unit",
            id="a size with its unit",
        ),
        pytest.param(
            {"timeout": 901}, "spec.timeout: must be at most 900", id="a timeout that is too long"
        ),
        pytest.param(
            {"timeout": 0}, "spec.timeout: must be at least 1", id="a timeout that is too short"
        ),
        pytest.param(
            {"layers": ["arn:aws:lambda:us-east-1:123456789012:layer:x:1"]},
            "spec.layers.0: must have fields of its own: name, version",
            id="the ARN of a layer",
        ),
        pytest.param(
            {"layers": {"name": "x", "version": 1}},
            "spec.layers: must be a list",
            id="one layer instead of a list",
        ),
        pytest.param(
            {"environment": {"variables": ["A=b"]}},
            "spec.environment.variables: must be pairs of a name and a value",
            id="a list instead of names and values",
        ),
        pytest.param(
            {"publish": "yes"}, "spec.publish: must be true or false, without quotes", id="yes"
        ),
        pytest.param(
            {"packageType": "zip"},
            "spec.packageType: must be 'Zip' or 'Image'",
            id="a choice in the wrong case",
        ),
        pytest.param(
            {"memory": 256},
            "spec.memory: there is no such field; did you mean memorySize?",
            id="a field that does not exist",
        ),
    ],
)
def test_a_finding_says_what_to_write(change: dict[str, Any], message: str) -> None:
    assert describe({**SPEC, **change}) == message


def test_a_missing_field_is_called_missing() -> None:
    spec = {name: value for name, value in SPEC.items() if name != "code"}
    assert describe(spec) == "spec.code: is missing"
