"""The smaller parts of a function's spec, named as AWS names them.

Contract: shapes and limits only; which of them this release acts upon is ``support``'s to say.
Source: spec/lambda.md section 6.1.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubelambda.api.model import ApiModel, Whole
from kubelambda.api.rules import Rule, build_pattern_rule

Arn = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    build_pattern_rule(r"^arn:[^ \t\n\r\f\v]+$", "an ARN begins with arn: and has no blanks"),
]
Word = Annotated[str, Field(min_length=1, max_length=1000)]
Header = Annotated[str, Field(min_length=1, max_length=1024)]


class EphemeralStorage(ApiModel):
    """The size of /tmp."""

    size: Annotated[int, Field(ge=512, le=10240), Whole] = Field(512, description="MB of /tmp.")


class ImageConfig(ApiModel):
    """What replaces the image's own command; packageType Image only."""

    entry_point: Annotated[list[Word], Field(max_length=1500)] | None = None
    command: Annotated[list[Word], Field(max_length=1500)] | None = None
    working_directory: Annotated[str, Field(max_length=1000)] | None = None


class VpcConfig(ApiModel):
    """Network of the function, by names that the namespace's LambdaAccount defines."""

    subnet_ids: Annotated[list[Word], Field(max_length=16)] | None = None
    security_group_ids: Annotated[list[Word], Field(max_length=5)] | None = None
    ipv6_allowed_for_dual_stack: bool | None = None


class DeadLetterConfig(ApiModel):
    """The destination of events that failed for good."""

    target_arn: Arn | None = Field(None, alias="targetARN")


class Destination(ApiModel):
    """A queue, topic, bus or function."""

    destination: Arn


class DestinationConfig(ApiModel):
    """Where records of asynchronous invocations go."""

    on_success: Destination | None = None
    on_failure: Destination | None = None


class FunctionEventInvokeConfig(ApiModel):
    """How asynchronous invocations are retried."""

    maximum_retry_attempts: Annotated[int, Field(ge=0, le=2), Whole] | None = None
    maximum_event_age_in_seconds: Annotated[int, Field(ge=60, le=21600), Whole] | None = None
    destination_config: DestinationConfig | None = None


class ProvisionedConcurrencyConfig(ApiModel):
    """Environments that are kept warm."""

    provisioned_concurrent_executions: Annotated[int, Field(ge=1, le=100_000), Whole]


class LoggingConfig(ApiModel):
    """Format and levels of the function's log."""

    log_format: Literal["Text", "JSON"] = Field("Text", description="Text or JSON.")
    application_log_level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] | None = (
        Field(None, description="Lowest level of the function's records; JSON only, INFO there.")
    )
    system_log_level: Literal["DEBUG", "INFO", "WARN"] | None = Field(
        None, description="Lowest level of the platform's records; JSON only, INFO there."
    )
    log_group: (
        Annotated[
            str,
            Field(min_length=1, max_length=512),
            build_pattern_rule(
                r"^[-._/#A-Za-z0-9]+$", "a log group of letters, digits, '-', '.', '_', '/', '#'"
            ),
        ]
        | None
    ) = Field(None, description="Log group; /aws/lambda/<function's name> if absent.")

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "self.logFormat == 'JSON'"
                " || (!has(self.applicationLogLevel) && !has(self.systemLogLevel))"
            ),
            message=(
                'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from '
                'your request or change the LogFormat to "JSON" and try again.'
            ),
            check=lambda config: (
                config.log_format == "JSON"
                or (config.application_log_level is None and config.system_log_level is None)
            ),
        ),
    )


class TracingConfig(ApiModel):
    """Sampling of traces."""

    mode: Literal["Active", "PassThrough"] = Field("PassThrough", description="As in X-Ray.")


class Cors(ApiModel):
    """Cross-origin rules of a function URL."""

    allow_credentials: bool | None = None
    allow_headers: Annotated[list[Header], Field(max_length=100)] | None = None
    allow_methods: Annotated[list[Header], Field(max_length=6)] | None = None
    allow_origins: Annotated[list[Header], Field(max_length=100)] | None = None
    expose_headers: Annotated[list[Header], Field(max_length=100)] | None = None
    max_age: Annotated[int, Field(ge=0, le=86400), Whole] | None = None


class FunctionUrlConfig(ApiModel):
    """An HTTP endpoint of the function's own."""

    auth_type: Literal["NONE", "AWS_IAM"]
    invoke_mode: Literal["BUFFERED", "RESPONSE_STREAM"] = "BUFFERED"
    cors: Cors | None = None
