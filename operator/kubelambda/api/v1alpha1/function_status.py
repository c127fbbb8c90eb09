"""The status of a LambdaFunction: what the controller has found and made.

Contract: unknown fields are ignored, since a newer release may have written them. The limits are
those of what the controller writes. Users may edit a status, so its readers check types again
(``core.model.status``).
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from kubelambda.api.model import ApiModel, Int
from kubelambda.api.v1alpha1.conditions import ConditionedStatus

FoundWord = Annotated[str, Field(max_length=65536)]


class ResolvedImageConfig(ApiModel):
    """What is run of an image, by its configuration and by spec.imageConfig."""

    model_config = ConfigDict(extra="ignore")

    entry_point: Annotated[list[FoundWord], Field(max_length=4096)] | None = None
    command: Annotated[list[FoundWord], Field(max_length=4096)] | None = None
    working_directory: Annotated[str, Field(max_length=4096)] | None = None
    digest: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="Changes when something else would be run."
    )
    observed_generation: Int | None = Field(
        None, description="metadata.generation for which the image was looked up."
    )


class Replicas(ApiModel):
    """Environments of the current revision."""

    desired: Int | None = None
    ready: Int | None = None


class ResolvedLayer(ApiModel):
    """A layer version whose content the function has; it keeps it when the LambdaLayer goes."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(max_length=64)]
    version: Int
    code_sha256: Annotated[str, Field(max_length=64)] | None = Field(
        None,
        alias="codeSha256",
        description="Base64 of the SHA-256 of the layer's zip; absent for S3.",
    )
    fetched_from: Literal["URL", "S3"] | None = Field(
        None, description="Where environments fetch the zip, if they do so themselves."
    )
    s3_bucket: Annotated[str, Field(max_length=63)] | None = None
    s3_key: Annotated[str, Field(max_length=1024)] | None = None
    s3_object_version: Annotated[str, Field(max_length=1024)] | None = None
    arn: Annotated[str, Field(max_length=256)] | None = None


class LambdaFunctionStatus(ConditionedStatus):
    """What the controller found; fields of a newer release are passed over."""

    function_arn: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="ARN of the function, without a qualifier."
    )
    revision: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="Hash of the pod spec that serves the function."
    )
    code_sha256: Annotated[str, Field(max_length=64)] | None = Field(
        None,
        alias="codeSha256",
        description="SHA-256 of the code as the Lambda API gives it: base64; of an image, hex.",
    )
    layers: Annotated[list[ResolvedLayer], Field(max_length=16)] | None = Field(
        None, description="The layer versions that spec.layers names, as they were found."
    )
    state: Literal["Pending", "Active", "Inactive", "Failed"] | None = Field(
        None, description="State, as the Lambda API gives it."
    )
    replicas: Replicas | None = Field(None, description="Environments of the revision.")
    key_secret_name: Annotated[str, Field(max_length=253)] | None = Field(
        None, description="Secret with the key of the function's link."
    )
    resolved_image_uri: Annotated[str, Field(max_length=1100)] | None = Field(
        None, description="The image with its digest: what code.imageURI meant when it was applied."
    )
    image_config: ResolvedImageConfig | None = Field(None, description="What is run of the image.")
    revision_id: Annotated[str, Field(max_length=36)] | None = Field(
        None, description="A UUID that changes whenever the spec does."
    )
    last_version: Int | None = Field(
        None, description="The highest number that a version of the function has had."
    )
    version_count: Int | None = Field(None, description="How many versions there are.")
    last_update_status: Literal["InProgress", "Successful", "Failed"] | None = Field(
        None, description="How the last change of the spec went, as the Lambda API gives it."
    )
    last_update_status_reason: Annotated[str, Field(max_length=32768)] | None = Field(
        None, description="Why the last change failed."
    )
    runtime_image: Annotated[str, Field(max_length=1000)] | None = Field(
        None, description="Image that the revision runs on."
    )
