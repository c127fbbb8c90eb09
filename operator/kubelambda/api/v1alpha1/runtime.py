"""LambdaRuntime: which image and bootstrap serve a runtime identifier; cluster-scoped.

Contract: metadata.name is the identifier (``python3.13``). Written by administrators and by the
chart only: the image runs in every namespace that uses the runtime.
"""

from typing import Annotated, Literal

from pydantic import Field

from kubelambda.api.model import ApiModel, ObjectMeta
from kubelambda.api.rules import build_pattern_rule
from kubelambda.api.v1alpha1.code import NO_BLANKS
from kubelambda.api.v1alpha1.conditions import ConditionedStatus

DAY = build_pattern_rule(
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", "must be a day as YYYY-MM-DD"
)


class LambdaRuntimeSpec(ApiModel):
    """How functions of the runtime are started."""

    image: Annotated[str, Field(min_length=1, max_length=1000), NO_BLANKS] = Field(
        description="Image with the language, the agent and the runtime interface client."
    )
    bootstrap: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(max_length=64),
    ] = Field(
        ["/var/runtime/bootstrap"],
        description=(
            "Command of the runtime process, without a shell. Empty: the file named bootstrap that "
            "comes with the code or a layer, as for provided.al2023."
        ),
    )
    language_version: Annotated[str, Field(min_length=1, max_length=32)] | None = Field(
        None, description="The language's version, for people."
    )
    end_of_support: Annotated[str, Field(max_length=10), DAY] | None = Field(
        None,
        description=(
            "The day, as YYYY-MM-DD, from which the language gets no fixes any more; empty: AWS's, "
            "where AWS has the identifier. Functions run on, and the condition Supported is False."
        ),
    )
    description: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="A sentence for people."
    )


class LambdaRuntimeStatus(ConditionedStatus):
    """Written by the controller, where it may read LambdaRuntimes: the condition Supported."""


class LambdaRuntime(ApiModel):
    """A runtime identifier and the image behind it."""

    api_version: Literal["kubelambda.io/v1alpha1"]
    kind: Literal["LambdaRuntime"]
    metadata: ObjectMeta
    spec: LambdaRuntimeSpec
    status: LambdaRuntimeStatus | None = None
