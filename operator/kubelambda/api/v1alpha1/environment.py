"""Environment variables of a function: plain ones, and ones that the kubelet reads.

Contract: what AWS refuses is refused in its words (spec/lambda.md sections 6.1, 6.2, 6.5), less the
values, which may be secrets. Values from Secrets do not count towards the 4 KB: nobody but the
kubelet sees them.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from kubelambda.api.model import ApiModel, Entries, KeyReference
from kubelambda.api.rules import Rule, build_pattern_rule

VARIABLES_BYTES_MAX = 4096
RESERVED = (
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
)
"""LIMIT: AWS also reserves AWS_LAMBDA_METADATA_*, by inference only (spec 6.5): not refused."""

_UNABLE = "Lambda was unable to configure your environment variables because the environment "
_RESERVED_TEXT = (
    f"{_UNABLE}variables you have provided contains reserved keys that are currently not supported "
    "for modification. Reserved keys used in this request: "
)
_KEY = r"^[a-zA-Z][a-zA-Z0-9_]+$"
_KEY_MESSAGE = "environment variable names must match [a-zA-Z]([a-zA-Z0-9_])+"
_RESERVED_CEL = f"[{', '.join(repr(one) for one in RESERVED)}]"
# In JSON these characters take two bytes. Other control characters take six; they count as one.
_ESCAPED = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
_JSON_BYTES_PER_ENTRY = 6
_KEY_RULE = build_pattern_rule(_KEY, _KEY_MESSAGE)
_NOT_RESERVED = Rule(
    cel=f"!(self in {_RESERVED_CEL})",
    message=f"{_RESERVED_TEXT}the name of a value from a Secret or ConfigMap",
    check=lambda name: name not in RESERVED,
)


def find_reserved(names: Mapping[str, Any]) -> list[str]:
    """Names that only the platform may set, in the order given."""
    return [name for name in names if name in RESERVED]


def measure_variables(variables: Mapping[str, str]) -> int:
    """Bytes of the JSON text that AWS counts towards the 4 KB, without blanks."""
    return 1 + sum(
        _JSON_BYTES_PER_ENTRY + len(name.encode()) + _measure_text(value)
        for name, value in variables.items()
    )


def _measure_text(text: str) -> int:
    for character, escaped in _ESCAPED:
        text = text.replace(character, escaped)
    return len(text.encode())


def _write_measure_cel() -> str:
    """The same sum in CEL."""
    value = "self[name]"
    for character, escaped in _ESCAPED:
        value += f".replace({json.dumps(character)}, {json.dumps(escaped)})"
    entry = f"{_JSON_BYTES_PER_ENTRY} + bytes(name).size() + bytes({value}).size()"
    return f"1 + self.map(name, {entry}).sum() <= {VARIABLES_BYTES_MAX}"


VARIABLE_NAMES = Rule(
    cel=f"self.all(name, name.matches(r'{_KEY}'))",
    message=_KEY_MESSAGE,
    check=lambda variables: all(_KEY_RULE.check(name) for name in variables),
)
RESERVED_NAMES = Rule(
    cel=f"!self.exists(name, name in {_RESERVED_CEL})",
    message=f"{_RESERVED_TEXT}see the documentation",
    check=lambda variables: not find_reserved(variables),
    explain=lambda variables: _RESERVED_TEXT + ", ".join(find_reserved(variables)),
    message_cel=(f"'{_RESERVED_TEXT}' + self.filter(name, name in {_RESERVED_CEL}).join(', ')"),
)
VARIABLES_TOTAL = Rule(
    cel=_write_measure_cel(),
    message=f"{_UNABLE}variables you have provided exceeded the 4KB limit.",
    check=lambda variables: measure_variables(variables) <= VARIABLES_BYTES_MAX,
)
UNIQUE_NAMES = Rule(
    cel="self.all(one, self.exists_one(other, other.name == one.name))",
    message="each name of valuesFrom is used once",
    check=lambda values: len({one.name for one in values}) == len(values),
)


class EnvironmentValue(ApiModel):
    """One variable whose value the kubelet reads; the operator never sees it."""

    name: Annotated[
        str,
        Field(min_length=2, max_length=128, description="Name of the variable."),
        _KEY_RULE,
        _NOT_RESERVED,
    ]
    secret_key_ref: KeyReference | None = Field(None, description="Key of a Secret.")
    config_map_key_ref: KeyReference | None = Field(None, description="Key of a ConfigMap.")

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.secretKeyRef) != has(self.configMapKeyRef)",
            message="a value comes from exactly one of secretKeyRef and configMapKeyRef",
            check=lambda one: (one.secret_key_ref is None) != (one.config_map_key_ref is None),
        ),
    )


class Environment(ApiModel):
    """Variables that the function's processes get."""

    variables: (
        Annotated[
            dict[str, Annotated[str, Field(max_length=VARIABLES_BYTES_MAX)]],
            Field(max_length=512),
            Entries,
            VARIABLE_NAMES,
            RESERVED_NAMES,
            VARIABLES_TOTAL,
        ]
        | None
    ) = Field(None, description="Names and values, 4 KB in all as JSON.")
    values_from: Annotated[list[EnvironmentValue], Field(max_length=64), UNIQUE_NAMES] | None = (
        Field(
            None,
            description="Variables from keys of Secrets and ConfigMaps of the same namespace.",
        )
    )

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.variables) || !has(self.valuesFrom)"
                " || self.valuesFrom.all(one, !(one.name in self.variables))"
            ),
            message="a name stands in variables or in valuesFrom, not in both",
            check=lambda one: (
                not ({value.name for value in one.values_from or ()} & set(one.variables or ()))
            ),
        ),
    )
