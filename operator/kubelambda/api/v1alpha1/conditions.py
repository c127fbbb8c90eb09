"""Conditions of all kinds; their reasons are in ``reason``.

Contract: kstatus. Ready says whether invocations can be served, Reconciling that the controller is
still at work, Stalled that somebody has to change something first.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from kubelambda.api.model import ApiModel, Int


class ConditionType(StrEnum):
    """The conditions of kstatus, and one of runtimes."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SUPPORTED = "Supported"
    """Of a LambdaRuntime: whether its language still gets fixes."""


class Condition(ApiModel):
    """One condition, as in metav1."""

    type: Annotated[str, Field(max_length=316)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, Field(max_length=1024)] | None = None
    message: Annotated[str, Field(max_length=32768)] | None = None
    last_transition_time: Annotated[
        str | None, Field(max_length=64, json_schema_extra={"format": "date-time"})
    ] = None
    observed_generation: Int | None = None


class ConditionedStatus(ApiModel):
    """What the status of every kind begins with; fields of a newer release are passed over."""

    model_config = ConfigDict(extra="ignore")

    observed_generation: Int | None = Field(
        None, description="metadata.generation that this status speaks of."
    )
    conditions: (
        Annotated[
            list[Condition],
            Field(
                max_length=16,
                json_schema_extra={
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["type"],
                },
            ),
        ]
        | None
    ) = Field(
        None,
        description="Ready, Reconciling and Stalled, as kstatus wants them; Supported of runtimes.",
    )
