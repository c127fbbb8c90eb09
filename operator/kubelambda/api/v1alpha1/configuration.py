"""What a function runs and how: the part of its spec that a published version is a copy of.

Contract: an ``ApiModel``. What belongs to the function as a whole (its name, reservation, tags) is
not part of it. Source: spec/lambda.md sections 6.1 and 7.2.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubelambda.api.model import ApiModel, Whole
from kubelambda.api.rules import Rule, build_pattern_rule
from kubelambda.api.v1alpha1.code import FunctionCode
from kubelambda.api.v1alpha1.environment import Environment
from kubelambda.api.v1alpha1.layer import LayerReferences
from kubelambda.api.v1alpha1.options import (
    DeadLetterConfig,
    EphemeralStorage,
    ImageConfig,
    LoggingConfig,
    TracingConfig,
    VpcConfig,
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


class FunctionConfiguration(ApiModel):
    """Code and how to run it: what a published version is a copy of."""

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
    logging_config: LoggingConfig | None = Field(None, description="Format of the log.")
    tracing_config: TracingConfig | None = Field(None, description="Traces.")

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
