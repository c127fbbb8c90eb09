"""LambdaFunction: one function, with the fields and limits of AWS (spec/lambda.md section 6.1).

Contract: ``LambdaFunction.model_validate`` takes the object as it comes over the wire, whole, and
gives the verdict of an API server that has our CRD and validates fields strictly.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubelambda.api.model import ApiModel, Entries, ObjectMeta, Whole
from kubelambda.api.rules import Rule, TransitionRule, build_pattern_rule
from kubelambda.api.v1alpha1.configuration import FunctionConfiguration
from kubelambda.api.v1alpha1.function_status import LambdaFunctionStatus
from kubelambda.api.v1alpha1.options import (
    FunctionEventInvokeConfig,
    FunctionUrlConfig,
    ProvisionedConcurrencyConfig,
)

FUNCTION_NAME_MAX = 64

FUNCTION_NAME = build_pattern_rule(
    r"^[a-zA-Z0-9_-]+$", "functionName holds letters, digits, '-' and '_'"
)
TAG_KEYS = Rule(
    cel="self.all(key, key.size() >= 1 && key.size() <= 128 && !key.startsWith('aws:'))",
    message="tag keys have 1 to 128 characters and do not begin with aws:",
    check=lambda tags: all(1 <= len(key) <= 128 and not key.startswith("aws:") for key in tags),
)


FunctionName = Annotated[str, Field(min_length=1, max_length=FUNCTION_NAME_MAX), FUNCTION_NAME]


class LambdaFunctionSpec(FunctionConfiguration):
    """What the function should be."""

    function_name: FunctionName | None = Field(
        None,
        description="AWS's name, unique in the namespace; metadata.name if absent. Immutable.",
    )
    description: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="A sentence for people."
    )
    function_event_invoke_config: FunctionEventInvokeConfig | None = Field(
        None, description="Retries and destinations of asynchronous invocations."
    )
    reserved_concurrent_executions: Annotated[int, Field(ge=0, le=100_000), Whole] | None = Field(
        None, description="Ceiling and share of concurrency; 0 refuses every invocation."
    )
    provisioned_concurrency_config: ProvisionedConcurrencyConfig | None = Field(
        None, description="Environments kept warm for $LATEST."
    )
    publish: bool | None = Field(
        None, description="Publish a version on every change of code or configuration."
    )
    function_url_config: FunctionUrlConfig | None = Field(
        None, alias="functionURLConfig", description="An HTTP endpoint of the function's own."
    )
    tags: (
        Annotated[
            dict[str, Annotated[str, Field(max_length=256)]],
            Field(max_length=50),
            Entries,
            TAG_KEYS,
        ]
        | None
    ) = Field(None, description="Tags, as the Lambda API lists them.")

    TRANSITIONS: ClassVar[tuple[TransitionRule, ...]] = (
        TransitionRule(
            cel="self.packageType == oldSelf.packageType",
            message="packageType is immutable",
            check=lambda new, old: new.package_type == old.package_type,
        ),
    )


class LambdaFunction(ApiModel):
    """A function: code and how to run it."""

    api_version: Literal["kubelambda.io/v1alpha1"]
    kind: Literal["LambdaFunction"]
    metadata: ObjectMeta
    spec: LambdaFunctionSpec
    status: LambdaFunctionStatus | None = None

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!self.metadata.name.contains('.')",
            message="the name of a LambdaFunction holds no dot: <function>.<n> is a version",
            check=lambda function: "." not in function.metadata.name,
        ),
        Rule(
            cel=(
                f"has(self.spec.functionName) || self.metadata.name.size() <= {FUNCTION_NAME_MAX}"
            ),
            message=f"a name of more than {FUNCTION_NAME_MAX} characters wants a functionName",
            check=lambda function: (
                function.spec.function_name is not None
                or len(function.metadata.name) <= FUNCTION_NAME_MAX
            ),
        ),
    )
    TRANSITIONS: ClassVar[tuple[TransitionRule, ...]] = (
        TransitionRule(
            cel=(
                "(has(self.spec.functionName) ? self.spec.functionName : self.metadata.name) =="
                " (has(oldSelf.spec.functionName) ? oldSelf.spec.functionName"
                " : oldSelf.metadata.name)"
            ),
            message="functionName is immutable; make another function instead",
            check=lambda new, old: new.resolve_function_name() == old.resolve_function_name(),
        ),
    )

    def resolve_function_name(self) -> str:
        """AWS's name of the function."""
        return self.spec.function_name or self.metadata.name
