"""The pydantic models give the verdict that an API server with our CRDs gives.

tests/e2e/api_server/test_admission.py puts the same cases to a real one.
"""

from typing import Any

import pytest
from pydantic import ValidationError

from admission.cases import Case, load_cases
from kubelambda.api.model import ApiModel, find_refused_changes
from kubelambda.api.v1alpha1.alias import LambdaAlias
from kubelambda.api.v1alpha1.function import LambdaFunction
from kubelambda.api.v1alpha1.layer import LambdaLayer
from kubelambda.api.v1alpha1.runtime import LambdaRuntime
from kubelambda.api.v1alpha1.version import LambdaVersion

CASES = load_cases()
MODELS: dict[str, type[ApiModel]] = {
    "LambdaAlias": LambdaAlias,
    "LambdaFunction": LambdaFunction,
    "LambdaLayer": LambdaLayer,
    "LambdaRuntime": LambdaRuntime,
    "LambdaVersion": LambdaVersion,
}


def read(manifest: dict[str, Any]) -> ApiModel:
    return MODELS.get(manifest["kind"], LambdaFunction).model_validate(manifest)


def judge(case: Case) -> str:
    """What stands against the case; empty if it is admitted."""
    try:
        new = read(case.object)
    except ValidationError as error:
        return "\n".join(
            f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"
            for found in error.errors()
        )
    return "\n".join(find_refused_changes(read(case.old), new)) if case.old else ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_gives_the_verdict_of_the_case(case: Case) -> None:
    found = judge(case)
    assert (found == "") == case.valid, found
    assert case.message_model in found


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 60


def test_an_error_never_repeats_a_value_because_it_may_be_a_secret() -> None:
    manifest = dict(CASES[0].object)
    manifest["spec"] = {**manifest["spec"], "environment": {"variables": {"A": "hunter2"}}}
    with pytest.raises(ValidationError) as caught:
        LambdaFunction.model_validate(manifest)
    assert "hunter2" not in str(caught.value)
