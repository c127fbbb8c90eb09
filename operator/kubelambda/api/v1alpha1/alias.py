"""LambdaAlias: a name for a version of a function, or for two of them by weight.

Contract: ``LambdaAlias.model_validate`` takes the object as it comes over the wire, whole, and
gives the verdict of an API server that has our CRD. An object is called ``<name of the
LambdaFunction>.<anything>``. Source: spec/lambda.md section 7.3; names of fields as in the AWS
Controllers for Kubernetes.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kubelambda.api.model import ApiModel, Entries, ObjectMeta
from kubelambda.api.rules import Rule, TransitionRule, build_pattern_rule
from kubelambda.api.v1alpha1.conditions import ConditionedStatus
from kubelambda.api.v1alpha1.function import FunctionName
from kubelambda.api.v1alpha1.version import OF_A_FUNCTION

ALIAS_NAME = Rule(
    cel="self.matches(r'^[a-zA-Z0-9_-]+$') && !self.matches(r'^[0-9]+$')",
    message="the name of an alias holds letters, digits, '-' and '_', and is no number",
    check=lambda text: (
        all(one in "-_" or (one.isascii() and one.isalnum()) for one in text)
        and not all("0" <= one <= "9" for one in text)
    ),
)
PUBLISHED = build_pattern_rule(
    r"^([1-9][0-9]*|\$LATEST)$", "functionVersion is the number of a version, or $LATEST"
)
WEIGHTED_VERSIONS = Rule(
    cel="self.all(version, version.matches(r'^[1-9][0-9]*$'))",
    message="additionalVersionWeights names a version by its number",
    check=lambda weights: all(
        version.isascii() and version.isdecimal() and version[0] != "0" for version in weights
    ),
)


class AliasRoutingConfig(ApiModel):
    """Which other version gets a part of the invocations."""

    additional_version_weights: (
        Annotated[
            dict[str, Annotated[float, Field(ge=0, le=1)]],
            Field(max_length=1),
            Entries,
            WEIGHTED_VERSIONS,
        ]
        | None
    ) = Field(None, description="One version and its share, from 0 to 1, such as '2': 0.1.")


class LambdaAliasSpec(ApiModel):
    """Which version the alias means."""

    function_name: FunctionName = Field(
        description="AWS's name of the function: its spec.functionName, or else its name."
    )
    name: Annotated[str, Field(min_length=1, max_length=128), ALIAS_NAME] | None = Field(
        None, description="AWS's name of the alias; absent: metadata.name behind its dot."
    )
    description: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="A sentence for people."
    )
    function_version: Annotated[str, Field(min_length=1, max_length=10), PUBLISHED] = Field(
        description="The number of a version, or $LATEST."
    )
    routing_config: AliasRoutingConfig | None = Field(
        None, description="A second version, for a part of the invocations."
    )

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.routingConfig) || !has(self.routingConfig.additionalVersionWeights)"
                " || self.routingConfig.additionalVersionWeights.size() == 0"
                " || self.functionVersion != '$LATEST'"
            ),
            message="$LATEST is not supported for an alias pointing to more than 1 version",
            check=lambda spec: not spec.list_weights() or spec.function_version != "$LATEST",
        ),
        Rule(
            cel=(
                "!has(self.routingConfig) || !has(self.routingConfig.additionalVersionWeights)"
                " || !(self.functionVersion in self.routingConfig.additionalVersionWeights)"
            ),
            message="functionVersion is already included in routingConfig",
            check=lambda spec: spec.function_version not in spec.list_weights(),
        ),
    )
    TRANSITIONS: ClassVar[tuple[TransitionRule, ...]] = (
        TransitionRule(
            cel="self.functionName == oldSelf.functionName",
            message="functionName is immutable; make another alias instead",
            check=lambda new, old: new.function_name == old.function_name,
        ),
        TransitionRule(
            cel=(
                "has(self.name) == has(oldSelf.name)"
                " && (!has(self.name) || self.name == oldSelf.name)"
            ),
            message="the name of an alias is immutable; make another alias instead",
            check=lambda new, old: new.name == old.name,
        ),
    )

    def list_weights(self) -> dict[str, float]:
        """The shares of other versions, by number."""
        config = self.routing_config
        return (config.additional_version_weights or {}) if config is not None else {}


class LambdaAliasStatus(ConditionedStatus):
    """What the controller found; fields of a newer release are passed over."""

    alias_arn: Annotated[str, Field(max_length=300)] | None = Field(
        None, description="ARN of the alias."
    )
    alias_name: Annotated[str, Field(max_length=128)] | None = Field(
        None, description="The alias's name, as callers give it."
    )
    revision_id: Annotated[str, Field(max_length=36)] | None = Field(
        None, description="A UUID that changes whenever the spec does."
    )


class LambdaAlias(ApiModel):
    """A name that callers use for a version; moving it is one update."""

    api_version: Literal["kubelambda.io/v1alpha1"]
    kind: Literal["LambdaAlias"]
    metadata: ObjectMeta
    spec: LambdaAliasSpec
    status: LambdaAliasStatus | None = None

    RULES: ClassVar[tuple[Rule, ...]] = (
        OF_A_FUNCTION,
        Rule(
            cel="has(self.spec.name) || !self.metadata.name.matches(r'^[^.]*\\.[0-9]+$')",
            message="an alias whose name ends in a number wants a spec.name",
            check=lambda alias: (
                alias.spec.name is not None or not alias.metadata.name.partition(".")[2].isdecimal()
            ),
        ),
    )

    def resolve_alias_name(self) -> str:
        """AWS's name of the alias."""
        return self.spec.name or self.metadata.name.partition(".")[2]
