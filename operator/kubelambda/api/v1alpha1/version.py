"""LambdaVersion: an immutable copy of a function's code and configuration.

Contract: ``LambdaVersion.model_validate`` takes the object as it comes over the wire, whole, and
gives the verdict of an API server that has our CRD. Whoever makes one names the function; the
controller writes number and snapshot into the spec, once, and from then on nothing can be changed.
They are spec and not status, since a status is lost when objects are restored from a backup. An
object is called ``<name of the LambdaFunction>.<anything>``. Source: spec/lambda.md section 7.2.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubelambda.api.model import ApiModel, Int, ObjectMeta, Whole
from kubelambda.api.rules import Rule, TransitionRule, build_pattern_rule
from kubelambda.api.v1alpha1.configuration import FunctionConfiguration
from kubelambda.api.v1alpha1.function import FunctionName
from kubelambda.api.v1alpha1.function_status import LambdaFunctionStatus
from kubelambda.api.v1alpha1.layer import VERSION_MAX

CODE_SHA256 = build_pattern_rule(
    r"^[a-zA-Z0-9+/=]+$", "codeSha256 is a SHA-256 as status.codeSha256 shows it"
)
REVISION_ID = build_pattern_rule(
    r"^[0-9a-f-]+$", "revisionId is a UUID as status.revisionId shows it"
)
OF_A_FUNCTION = Rule(
    cel="self.metadata.name.split('.').size() == 2",
    message="the name is <name of the LambdaFunction>.<anything>, with one dot",
    check=lambda one: one.metadata.name.count(".") == 1,
)
"""Of the objects that belong to a function: the dot tells which one."""


class LambdaVersionSpec(ApiModel):
    """Which function to publish; then, for good, what was published."""

    function_name: FunctionName = Field(
        description="AWS's name of the function: its spec.functionName, or else its name."
    )
    description: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="A sentence for people; absent: that of the function."
    )
    code_sha256: Annotated[str, Field(min_length=1, max_length=64), CODE_SHA256] | None = Field(
        None,
        alias="codeSha256",
        description="Publish only if this is the function's status.codeSha256.",
    )
    revision_id: Annotated[str, Field(min_length=1, max_length=36), REVISION_ID] | None = Field(
        None, description="Publish only if this is the function's status.revisionId."
    )
    version: Annotated[int, Field(ge=1, le=VERSION_MAX), Whole] | None = Field(
        None, description="Its number; the controller writes it."
    )
    snapshot: FunctionConfiguration | None = Field(
        None, description="What was published; the controller writes it."
    )

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.version) == has(self.snapshot)",
            message="version and snapshot are written together, by the controller",
            check=lambda spec: (spec.version is None) == (spec.snapshot is None),
        ),
    )
    TRANSITIONS: ClassVar[tuple[TransitionRule, ...]] = (
        TransitionRule(
            cel="!has(oldSelf.version) || self == oldSelf",
            message="a published version is immutable; publish another one instead",
            check=lambda new, old: old.version is None or new == old,
        ),
        TransitionRule(
            cel="self.functionName == oldSelf.functionName",
            message="functionName is immutable; make another version instead",
            check=lambda new, old: new.function_name == old.function_name,
        ),
    )


class LambdaVersionStatus(LambdaFunctionStatus):
    """What the controller found; fields of a newer release are passed over."""

    version: Int | None = Field(
        None, description="The version that it is: of equal ones in a row, the first's number."
    )


class LambdaVersion(ApiModel):
    """A published version of a function: it never changes, and runs as long as it is there."""

    api_version: Literal["kubelambda.io/v1alpha1"]
    kind: Literal["LambdaVersion"]
    metadata: ObjectMeta
    spec: LambdaVersionSpec
    status: LambdaVersionStatus | None = None

    RULES: ClassVar[tuple[Rule, ...]] = (OF_A_FUNCTION,)
