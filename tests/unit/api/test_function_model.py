"""What the models add to validation: digests, support, and names."""

from typing import Any

import pytest

from kubelambda.api.v1alpha1.environment import measure_variables
from kubelambda.api.v1alpha1.function import LambdaFunctionSpec
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.api.v1alpha1.support import unsupported_fields

SPEC: dict[str, Any] = {
    "runtime": "python3.13",
    "handler": "app.handler",
    "code": {"inline": {"app.py": "x"}},
}
SUPPORTED = {
    "functionName": "Hello",
    "description": "d",
    "packageType": "Zip",
    "memorySize": 256,
    "timeout": 5,
    "ephemeralStorage": {"size": 1024},
    "environment": {
        "variables": {"AB": "c"},
        "valuesFrom": [{"name": "CD", "secretKeyRef": {"name": "s", "key": "k"}}],
    },
    "reservedConcurrentExecutions": 3,
    "loggingConfig": {"logFormat": "JSON", "systemLogLevel": "WARN", "logGroup": "g"},
    "tracingConfig": {"mode": "PassThrough"},
    "publish": True,
    "layers": [{"name": "a", "version": 1}],
    "tags": {"a": "b"},
}
UNSUPPORTED: dict[str, Any] = {
    "architectures": {"architectures": ["arm64"]},
    "role": {"role": "r"},
    "vpcConfig": {"vpcConfig": {}},
    "deadLetterConfig": {"deadLetterConfig": {}},
    "functionEventInvokeConfig": {"functionEventInvokeConfig": {}},
    "provisionedConcurrencyConfig": {
        "provisionedConcurrencyConfig": {"provisionedConcurrentExecutions": 1}
    },
    "tracingConfig.mode: Active": {"tracingConfig": {"mode": "Active"}},
    "functionURLConfig": {"functionURLConfig": {"authType": "NONE"}},
}


def test_fields_that_work_or_change_nothing_are_supported() -> None:
    assert unsupported_fields(LambdaFunctionSpec.model_validate({**SPEC, **SUPPORTED})) == []


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_field_without_an_effect_is_named(name: str) -> None:
    spec = LambdaFunctionSpec.model_validate({**SPEC, **UNSUPPORTED[name]})
    assert unsupported_fields(spec) == [name]


def test_image_functions_are_supported() -> None:
    spec = LambdaFunctionSpec.model_validate(
        {"packageType": "Image", "code": {"imageURI": "a:1"}, "imageConfig": {}}
    )
    assert unsupported_fields(spec) == []


def test_every_field_of_the_spec_is_either_supported_or_named() -> None:
    """A field that is added to the spec must be put on one of the two lists."""
    named = {name.partition(".")[0] for name in (*SUPPORTED, *UNSUPPORTED)}
    named |= set(SPEC) | {"imageConfig"}
    assert {model_field.alias for model_field in LambdaFunctionSpec.model_fields.values()} == named


@pytest.mark.parametrize(
    "code",
    [
        {"url": "https://x.example/a", "sha256": "0" * 64},
        {"s3Bucket": "abc", "s3Key": "k"},
        {"s3Bucket": "abc", "s3Key": "k", "s3ObjectVersion": "v"},
    ],
)
def test_code_from_elsewhere_is_supported(code: dict[str, str]) -> None:
    assert unsupported_fields(LambdaFunctionSpec.model_validate({**SPEC, "code": code})) == []


def test_variables_are_measured_as_json_text() -> None:
    assert measure_variables({"AA": "x", "BB": '"'}) == len('{"AA":"x","BB":"\\""}')


def test_reasons_are_words_without_blanks() -> None:
    assert all(reason.isalnum() and reason[0].isupper() for reason in Reason)
