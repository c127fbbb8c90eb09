"""Whether a function can work at all, judged from its own manifest.

Contract: pure. The API server has validated already; the pydantic model judges again, because a CRD
of an older release may still be installed and because its messages say what to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kubelambda.api.v1alpha1.function import LambdaFunction
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.api.v1alpha1.support import unsupported_fields
from kubelambda.catalog.build import build_code
from kubelambda.core.packages.check import describe_bad_zip


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is None where nothing stands against the function."""

    reason: Reason | None = None
    message: str = ""


NO_OBJECTION = Verdict()


def judge_manifest(manifest: Mapping[str, Any]) -> Verdict:
    """What metadata and spec alone tell; other objects are judged in ``plan``."""
    try:
        function = LambdaFunction.model_validate(drop_status(manifest))
    except ValidationError as error:
        return Verdict(Reason.INVALID_SPEC, describe_error(error))
    fields = unsupported_fields(function.spec)
    if fields:
        return Verdict(
            Reason.FEATURE_NOT_AVAILABLE,
            f"this release does not act upon {', '.join(fields)}; take it out of the spec",
        )
    return judge_zip(manifest["spec"].get("code") or {})


def judge_zip(source: Mapping[str, Any]) -> Verdict:
    """Whether a zip that stands in the object itself can be unpacked."""
    problem = describe_bad_zip([build_code(source, {})])
    return Verdict(Reason.INVALID_SPEC, problem) if problem else NO_OBJECTION


def drop_status(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the owner of the object answers for."""
    return {key: value for key, value in manifest.items() if key != "status"}


def describe_error(error: ValidationError) -> str:
    """The first finding, without the value, which may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
