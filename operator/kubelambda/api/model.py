"""The base of all API models: as strict as the API server with strict field validation.

Contract: nothing is coerced, unknown fields are refused, names are camelCase only. A null is an
absent field and a whole float an integer, because the API server sees them so.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kubelambda.api.rules import Rule, TransitionRule, add_validations, build_pattern_rule

DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"


def drop_nulls(value: Any) -> Any:
    """A mapping without its null entries; anything else as it is."""
    if isinstance(value, Mapping):
        return {key: member for key, member in value.items() if member is not None}
    return value


def to_integer(value: Any) -> Any:
    """128.0 as 128, since JSON knows no difference; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(to_integer)
"""Marks an integer, behind its limits."""
Entries = BeforeValidator(drop_nulls)
"""Marks a map, behind its limits."""
Int = Annotated[int, Whole]


class ApiModel(BaseModel):
    """An object within a custom resource."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
    )

    RULES: ClassVar[tuple[Rule, ...]] = ()
    TRANSITIONS: ClassVar[tuple[TransitionRule, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _treat_null_as_absent(cls, value: Any) -> Any:
        return drop_nulls(value)

    @model_validator(mode="after")
    def _hold_rules(self) -> Self:
        for rule in self.RULES:
            rule.verify(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rules: tuple[Rule | TransitionRule, ...] = (*cls.RULES, *cls.TRANSITIONS)
        entries = [rule.to_schema() for rule in rules]
        reference = handler(schema)
        resolved = handler.resolve_ref_schema(reference)
        resolved.update(add_validations(resolved, entries))
        return reference


def find_refused_changes(old: ApiModel, new: ApiModel) -> list[str]:
    """Messages of the transition rules that an update from ``old`` to ``new`` breaks."""
    return [message for _, message in list_refused_changes(old, new)]


def list_refused_changes(old: ApiModel, new: ApiModel, path: str = "") -> list[tuple[str, str]]:
    """The same, each with the path of what it concerns; empty for the object as a whole."""
    found = [(path, rule.message) for rule in new.TRANSITIONS if not rule.check(new, old)]
    for name, field in type(new).model_fields.items():
        before, after = getattr(old, name, None), getattr(new, name)
        if isinstance(before, ApiModel) and isinstance(after, ApiModel):
            place = f"{path}.{field.alias or name}" if path else field.alias or name
            found += list_refused_changes(before, after, place)
    return found


DnsName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    build_pattern_rule(DNS_NAME, "a name of lower-case letters, digits, '-' and '.'"),
]


class ObjectMeta(ApiModel):
    """What rules read of metadata; the API server validates the rest by itself."""

    model_config = ConfigDict(extra="allow")

    name: DnsName
    namespace: DnsName | None = None


class LocalReference(ApiModel):
    """Another object of the same namespace, by name."""

    name: DnsName = Field(description="Name of an object of the same namespace.")


class KeyReference(LocalReference):
    """One key of a Secret or ConfigMap of the same namespace."""

    key: Annotated[
        str,
        Field(min_length=1, max_length=253, description="Key within the object."),
        build_pattern_rule(r"^[-._a-zA-Z0-9]+$", "a key of letters, digits, '-', '_' and '.'"),
    ]
    optional: bool | None = Field(None, description="Whether the object or key may be missing.")
