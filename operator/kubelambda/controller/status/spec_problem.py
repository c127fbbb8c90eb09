"""What is wrong with an object by its own manifest.

Contract: pure. The API server has validated the object already. The pydantic model does so again,
because the installed CRD may be of an older release, and because its messages say what to do.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from kubelambda.api.v1alpha1.alias import LambdaAlias
from kubelambda.api.v1alpha1.function import LambdaFunction, LambdaFunctionSpec
from kubelambda.api.v1alpha1.layer import LambdaLayer
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.api.v1alpha1.support import unsupported_fields
from kubelambda.api.v1alpha1.version import LambdaVersion
from kubelambda.catalog.build import build_code
from kubelambda.core.packages.zip_check import describe_bad_zip
from kubelambda.judge.problem import Problem


def find_function_spec_problem(manifest: Mapping[str, Any]) -> Problem | None:
    """What metadata and spec of a LambdaFunction tell; ``function.plan`` looks at other objects."""
    try:
        function = LambdaFunction.model_validate(_drop_status(manifest))
    except ValidationError as error:
        return Problem(Reason.INVALID_SPEC, _describe_error(error))
    return _find_feature_problem(function.spec) or _find_zip_problem(
        manifest["spec"].get("code") or {}
    )


def find_snapshot_problem(snapshot: Mapping[str, Any]) -> Problem | None:
    """Why a published version cannot run, by its snapshot."""
    try:
        spec = LambdaFunctionSpec.model_validate(snapshot)
    except ValidationError as error:
        return Problem(Reason.INVALID_SPEC, f"snapshot: {_describe_error(error)}")
    return _find_feature_problem(spec) or _find_zip_problem(snapshot.get("code") or {})


def find_version_spec_problem(manifest: Mapping[str, Any]) -> Problem | None:
    """What metadata and spec of a LambdaVersion tell, apart from its snapshot."""
    return _find_model_problem(LambdaVersion, manifest)


def find_alias_spec_problem(manifest: Mapping[str, Any]) -> Problem | None:
    """What metadata and spec of a LambdaAlias tell."""
    return _find_model_problem(LambdaAlias, manifest)


def _find_model_problem(model: type[BaseModel], manifest: Mapping[str, Any]) -> Problem | None:
    try:
        model.model_validate(_drop_status(manifest))
    except ValidationError as error:
        return Problem(Reason.INVALID_SPEC, _describe_error(error))
    return None


def _find_feature_problem(spec: LambdaFunctionSpec) -> Problem | None:
    fields = unsupported_fields(spec)
    if not fields:
        return None
    return Problem(
        Reason.FEATURE_NOT_AVAILABLE,
        f"this release does not act upon {', '.join(fields)}; take it out of the spec",
    )


def find_layer_spec_problem(manifest: Mapping[str, Any]) -> Problem | None:
    """What metadata and spec of a LambdaLayer tell."""
    problem = _find_model_problem(LambdaLayer, manifest)
    return problem or _find_zip_problem(manifest["spec"]["content"])


def describe_unreadable(error: Exception) -> Problem:
    """The problem of an object whose spec passed the model and cannot be read all the same."""
    problem = f"this release cannot read the spec ({type(error).__name__}); rewrite it"
    return Problem(Reason.INVALID_SPEC, problem)


def _find_zip_problem(source: Mapping[str, Any]) -> Problem | None:
    """Whether a zip that is part of the object itself can be unpacked."""
    problem = describe_bad_zip([build_code(source)])
    return Problem(Reason.INVALID_SPEC, problem) if problem else None


def _drop_status(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the object that its owner writes."""
    return {key: value for key, value in manifest.items() if key != "status"}


def _describe_error(error: ValidationError) -> str:
    """The first finding, without the value, which may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
