"""LambdaFunction: one function, with the fields and limits of AWS (spec/lambda.md section 6.1).

Contract: ``LambdaFunction.model_validate`` takes the object as it comes over the wire, whole, and
gives the verdict of an API server that has our CRD and validates fields strictly.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubelambda.api.model import ApiModel, Entries, ObjectMeta, Whole
from kubelambda.api.rules import Rule, TransitionRule, build_pattern_rule
from kubelambda.api.v1alpha1.code import FunctionCode
from kubelambda.api.v1alpha1.environment import Environment
from kubelambda.api.v1alpha1.function_status import LambdaFunctionStatus
from kubelambda.api.v1alpha1.layer import LayerReferences
from kubelambda.api.v1alpha1.options import (
    DeadLetterConfig,
    EphemeralStorage,
    FunctionEventInvokeConfig,
    FunctionUrlConfig,
    ImageConfig,
    LoggingConfig,
    ProvisionedConcurrencyConfig,
    TracingConfig,
    VpcConfig,
)

FUNCTION_NAME_MAX = 64

FUNCTION_NAME = build_pattern_rule(
    r"^[a-zA-Z0-9_-]+$", "functionName holds letters, digits, '-' and '_'"
)
RUNTIME = build_pattern_rule(
    r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
    "runtime is an identifier such as python3.13: lower-case letters, digits, '.' and '-'",
)
HANDLER = build_pattern_rule(r"^[^ \t\n\r\f\v]+$", "handler must not contain blanks")
ROLE = build_pattern_rule(
    r"^(arn:[a-z-]+:iam::[0-9]{12}:role/[a-zA-Z0-9+=,.@_/-]+|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$",
    "role is the ARN of a role, or the name of a LambdaRole of the namespace",
)
TAG_KEYS = Rule(
    cel="self.all(key, key.size() >= 1 && key.size() <= 128 && !key.startsWith('aws:'))",
    message="tag keys have 1 to 128 characters and do not begin with aws:",
    check=lambda tags: all(1 <= len(key) <= 128 and not key.startswith("aws:") for key in tags),
)


class LambdaFunctionSpec(ApiModel):
    """What the function should be."""

    function_name: (
        Annotated[str, Field(min_length=1, max_length=FUNCTION_NAME_MAX), FUNCTION_NAME] | None
    ) = Field(
        None,
        description="AWS's name, unique in the namespace; metadata.name if absent. Immutable.",
    )
    description: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="A sentence for people."
    )
    package_type: Literal["Zip", "Image"] = Field(
        "Zip", description="Zip: files on a runtime. Image: a container image. Immutable."
    )
    runtime: Annotated[str, Field(min_length=1, max_length=64), RUNTIME] | None = Field(
        None, description="Name of a LambdaRuntime, such as python3.13; Zip only."
    )
    handler: Annotated[str, Field(min_length=1, max_length=128), HANDLER] | None = Field(
        None, description="The function's entry, such as app.handler; Zip only."
    )
    code: FunctionCode = Field(description="Where the code comes from.")
    memory_size: Annotated[int, Field(ge=128, le=10240), Whole] = Field(
        128, description="MB of memory; CPU is proportional, 1,769 MB are one vCPU."
    )
    timeout: Annotated[int, Field(ge=1, le=900), Whole] = Field(
        3, description="Seconds after which an invocation is killed."
    )
    ephemeral_storage: EphemeralStorage | None = Field(None, description="Size of /tmp.")
    environment: Environment | None = Field(None, description="Environment variables.")
    architectures: (
        Annotated[list[Literal["x86_64", "arm64"]], Field(min_length=1, max_length=1)] | None
    ) = Field(None, description="Exactly one; absent: that of any node.")
    layers: LayerReferences | None = Field(
        None, description="Layer versions for /opt, at most 5, later ones over earlier ones."
    )
    image_config: ImageConfig | None = Field(None, description="Command; packageType Image only.")
    role: Annotated[str, Field(min_length=1, max_length=512), ROLE] | None = Field(
        None, description="Execution role: an ARN, or the name of a LambdaRole."
    )
    vpc_config: VpcConfig | None = Field(None, description="Network of the function.")
    dead_letter_config: DeadLetterConfig | None = Field(
        None, description="The destination of events that failed for good."
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
    logging_config: LoggingConfig | None = Field(None, description="Format of the log.")
    tracing_config: TracingConfig | None = Field(None, description="Traces.")
    publish: bool | None = Field(None, description="Publish a version on every change of code.")
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

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.packageType != 'Zip' || (has(self.runtime) && has(self.handler))",
            message="runtime and handler are required when packageType is Zip",
            check=lambda spec: (
                spec.package_type != "Zip"
                or (spec.runtime is not None and spec.handler is not None)
            ),
        ),
        Rule(
            cel="has(self.code.imageURI) == (self.packageType == 'Image')",
            message="code.imageURI and packageType Image go together",
            check=lambda spec: (spec.code.image_uri is not None) == (spec.package_type == "Image"),
        ),
        Rule(
            cel=(
                "self.packageType != 'Image'"
                " || (!has(self.runtime) && !has(self.handler) && !has(self.layers))"
            ),
            message="runtime, handler and layers are forbidden when packageType is Image",
            check=lambda spec: (
                spec.package_type != "Image"
                or (spec.runtime is None and spec.handler is None and spec.layers is None)
            ),
        ),
        Rule(
            cel="!has(self.imageConfig) || self.packageType == 'Image'",
            message="imageConfig wants packageType Image",
            check=lambda spec: spec.image_config is None or spec.package_type == "Image",
        ),
    )
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
