"""What the models add to validation: digests, support, and names."""

import base64
import hashlib
import io
import zipfile
from typing import Any

import pytest

from kubelambda.api.v1alpha1.code import FunctionCode, build_inline_zip, compute_code_sha256
from kubelambda.api.v1alpha1.conditions import Reason
from kubelambda.api.v1alpha1.environment import measure_variables
from kubelambda.api.v1alpha1.function import LambdaFunctionSpec
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
    "loggingConfig": {"logFormat": "Text"},
    "tracingConfig": {"mode": "PassThrough"},
    "publish": False,
    "layers": [],
    "tags": {"a": "b"},
}
UNSUPPORTED: dict[str, Any] = {
    "architectures": {"architectures": ["arm64"]},
    "code.url": {"code": {"url": "https://x.example/a", "sha256": "0" * 64}},
    "code.s3Bucket": {"code": {"s3Bucket": "abc", "s3Key": "k"}},
    "layers": {"layers": ["a:1"]},
    "role": {"role": "r"},
    "vpcConfig": {"vpcConfig": {}},
    "deadLetterConfig": {"deadLetterConfig": {}},
    "functionEventInvokeConfig": {"functionEventInvokeConfig": {}},
    "provisionedConcurrencyConfig": {
        "provisionedConcurrencyConfig": {"provisionedConcurrentExecutions": 1}
    },
    "loggingConfig.logFormat: JSON": {"loggingConfig": {"logFormat": "JSON"}},
    "loggingConfig.logGroup": {"loggingConfig": {"logGroup": "g"}},
    "tracingConfig.mode: Active": {"tracingConfig": {"mode": "Active"}},
    "publish": {"publish": True},
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
    assert {one.alias for one in LambdaFunctionSpec.model_fields.values()} == named


def test_the_digest_of_a_zip_is_that_of_its_bytes() -> None:
    content = b"PK\x05\x06" + bytes(18)
    code = FunctionCode.model_validate({"zipFile": base64.b64encode(content).decode()})
    expected = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert compute_code_sha256(code) == expected


def test_the_digest_of_inline_code_depends_on_names_and_text_alone() -> None:
    one = FunctionCode.model_validate({"inline": {"b.py": "2", "a.py": "1"}})
    other = FunctionCode.model_validate({"inline": {"a.py": "1", "b.py": "2"}})
    assert compute_code_sha256(one) == compute_code_sha256(other)
    # Written down, so that a release never changes it unnoticed.
    assert compute_code_sha256(one) == "5723iNlKjeCbn89+hFpgMQcrQsnrAJ22gjL7P+EG/b0="


def test_the_sha256_of_a_package_is_its_name_in_base64() -> None:
    code = FunctionCode(package="00ff" * 16)
    assert base64.b64decode(compute_code_sha256(code)).hex() == "00ff" * 16


def test_the_zip_of_inline_code_holds_its_files_readable_for_all() -> None:
    with zipfile.ZipFile(io.BytesIO(build_inline_zip({"a/é.py": "x"}))) as archive:
        assert archive.read("a/é.py") == b"x"
        assert archive.infolist()[0].external_attr >> 16 == 0o100644


def test_variables_are_measured_as_json_text() -> None:
    assert measure_variables({"AA": "x", "BB": '"'}) == len('{"AA":"x","BB":"\\""}')


def test_reasons_are_words_without_blanks() -> None:
    assert all(reason.isalnum() and reason[0].isupper() for reason in Reason)
