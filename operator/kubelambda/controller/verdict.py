"""Whether a function can work at all, judged from its own manifest.

Contract: pure. The API server has validated already; the pydantic model judges again, because a CRD
of an older release may still be installed and because its messages say what to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kubelambda.api.v1alpha1.conditions import Reason
from kubelambda.api.v1alpha1.function import LambdaFunction

_SERVED_CODE = ("inline", "zipFile")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is None where nothing stands against the function."""

    reason: Reason | None = None
    message: str = ""


NO_OBJECTION = Verdict()


def judge_manifest(manifest: Mapping[str, Any]) -> Verdict:
    """What the manifest alone tells; other objects are judged in ``plan``."""
    try:
        LambdaFunction.model_validate(manifest)
    except ValidationError as error:
        return Verdict(Reason.INVALID_SPEC, _describe(error))
    return _judge_support(manifest["spec"])


def _judge_support(spec: Mapping[str, Any]) -> Verdict:
    code = spec.get("code") or {}
    # LIMIT: packages, URLs, S3 objects, ConfigMaps and images are not served yet.
    unserved = [kind for kind in code if kind not in _SERVED_CODE]
    if unserved:
        return Verdict(
            Reason.UNSUPPORTED,
            f"code.{unserved[0]} is not served by this release; use code.inline or code.zipFile",
        )
    return NO_OBJECTION


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
