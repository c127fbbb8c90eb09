"""Local mode ignores nothing in silence: each field is acted upon, reported, or an error."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubelambda.api.findings import _find_model
from kubelambda.api.model import ApiModel
from kubelambda.api.v1alpha1.function import LambdaFunctionSpec
from kubelambda.api.v1alpha1.layer import LambdaLayerSpec
from kubelambda.catalog.files import load_functions
from kubelambda.catalog.loaded import list_new_remarks
from kubelambda.catalog.local_fields import DIFFERENCES, HONOURED, describe_ignored

FUNCTION = """
apiVersion: kubelambda.io/v1alpha1
kind: LambdaFunction
metadata: {name: hello}
spec:
  runtime: python3.13
  handler: app.handler
  code: {inline: {app.py: x}}
"""
SET = {
    "architectures": "[arm64]",
    "ephemeralStorage": "{size: 1024}",
    "role": "r",
    "vpcConfig": "{subnetIds: [a]}",
    "deadLetterConfig": "{targetARN: 'arn:aws:sqs:us-east-1:123456789012:q'}",
    "functionEventInvokeConfig": "{maximumRetryAttempts: 0}",
    "provisionedConcurrencyConfig": "{provisionedConcurrentExecutions: 1}",
    "tracingConfig": "{mode: Active}",
    "publish": "true",
    "functionURLConfig": "{authType: NONE}",
}


def iter_paths(model: type[ApiModel], honoured: frozenset[str], prefix: str = "") -> Iterator[str]:
    """Every path of ``model``, as far down as ``honoured`` tells fields apart."""
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        inner = _find_model(field.annotation)
        if inner is not None and any(name.startswith(f"{path}.") for name in honoured):
            assert issubclass(inner, ApiModel)
            yield from iter_paths(inner, honoured, f"{path}.")
        else:
            yield path


@pytest.mark.parametrize("model", [LambdaFunctionSpec, LambdaLayerSpec])
def test_every_field_is_acted_upon_or_its_difference_is_said(model: type[ApiModel]) -> None:
    """A field that is added to a model must be put on one of the two lists."""
    honoured = HONOURED[model]
    paths = set(iter_paths(model, honoured))
    differing = DIFFERENCES.keys() if model is LambdaFunctionSpec else set()
    assert paths == honoured | differing
    assert not honoured & differing


@pytest.mark.parametrize("field", DIFFERENCES)
def test_a_field_that_is_ignored_is_said_with_what_will_differ(field: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(FUNCTION + f"  {field}: {SET[field]}\n")
    loaded = load_functions([tmp_path])
    assert len(loaded.functions) == 1, "it is served all the same"
    (remark,) = loaded.remarks
    assert remark.path == path
    assert f"hello: spec.{field}" in remark.message
    assert DIFFERENCES[field] in remark.message


def test_a_field_that_is_set_to_its_default_is_not_worth_a_word() -> None:
    spec = LambdaFunctionSpec.model_validate(
        {
            "runtime": "python3.13",
            "handler": "app.handler",
            "code": {"inline": {"app.py": "x"}},
            "publish": False,
            "tags": {"a": "b"},
            "memorySize": 128,
        }
    )
    assert describe_ignored(spec, is_applied=True) == []


def test_a_remark_is_made_once_for_each_change(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(FUNCTION + "  role: r\n")
    loaded = load_functions([tmp_path])
    assert len(list_new_remarks(load_functions([]), loaded)) == 1
    second.write_text(FUNCTION.replace("hello", "other"))
    edited = load_functions([tmp_path])
    assert list_new_remarks(loaded, edited) == []
    second.write_text(FUNCTION.replace("hello", "other") + "  publish: true\n")
    again = load_functions([tmp_path])
    assert [remark.path for remark in list_new_remarks(edited, again)] == [second]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("memorySze: 256", "spec.memorySze: there is no such field; did you mean memorySize?"),
        ("MemorySize: 256", "spec.MemorySize: there is no such field; did you mean memorySize?"),
        ("time_out: 9", "spec.time_out: there is no such field; did you mean timeout?"),
        (
            "vpcConfig: {subnets: [a]}",
            "spec.vpcConfig.subnets: there is no such field; did you mean subnetIds?",
        ),
        (
            "layers: [{name: a, version: 1, vers: 1}]",
            "spec.layers.0.vers: there is no such field; did you mean version?",
        ),
        ("zzz: 1", "spec.zzz: there is no such field"),
    ],
)
def test_a_field_that_does_not_exist_is_an_error_that_names_the_one_meant(
    line: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(FUNCTION + f"  {line}\n")
    loaded = load_functions([tmp_path])
    assert loaded.functions == ()
    assert loaded.problems[0].message == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FUNCTION.replace("LambdaFunction", "LambdaFuntion"), "did you mean LambdaFunction?"),
        (FUNCTION.replace("LambdaFunction", "LambdaTrigger"), "there is no LambdaTrigger"),
        (FUNCTION + "  timeout: 3\n  timeout: 4\n", "a key that stands here twice"),
        ("- a\n", "a document that is not an object"),
    ],
)
def test_what_would_be_passed_over_in_silence_is_an_error(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(text)
    loaded = load_functions([tmp_path])
    assert loaded.functions == ()
    assert message in loaded.problems[0].message


def test_objects_of_a_list_are_read_and_those_of_other_groups_passed_over(tmp_path: Path) -> None:
    item = FUNCTION.strip().replace("\n", "\n  ")
    (tmp_path / "a.yaml").write_text(
        f"apiVersion: v1\nkind: List\nitems:\n- {item}\n- {{apiVersion: v1, kind: Service}}\n"
    )
    loaded = load_functions([tmp_path])
    assert [function.function_name for function in loaded.functions] == ["hello"]
    assert (loaded.problems, loaded.remarks) == ((), ())


def test_a_runtime_of_a_cluster_is_said_to_mean_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: kubelambda.io/v1alpha1\nkind: LambdaRuntime\nmetadata: {name: x}\nspec: {}\n"
    )
    loaded = load_functions([tmp_path])
    assert loaded.problems == ()
    assert "LambdaRuntime" in loaded.remarks[0].message
