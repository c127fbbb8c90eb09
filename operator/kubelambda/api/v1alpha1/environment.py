"""Environment variables of a function: plain ones, and ones that the kubelet reads.

Contract: what AWS refuses is refused in its words (spec/lambda.md sections 6.1, 6.2, 6.5), less the
values, which may be secrets. Values from Secrets do not count towards the 4 KB: nobody but the
kubelet sees them.
"""

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
RESERVED_PREFIX = "AWS_LAMBDA_METADATA_"
"""By inference (spec 6.5): AWS adds names of this kind."""

_UNABLE = "Lambda was unable to configure your environment variables because the environment "
_RESERVED_TEXT = (
    f"{_UNABLE}variables you have provided contains reserved keys that are currently not supported "
    "for modification. Reserved keys used in this request: "
)
_SEE = "see spec.environment"
_KEY = r"^[a-zA-Z][a-zA-Z0-9_]+$"
_KEY_MESSAGE = "environment variable names must match [a-zA-Z]([a-zA-Z0-9_])+"
_RESERVED_CEL = f"[{', '.join(repr(name) for name in RESERVED)}]"
# CEL's strings.quote and JSON agree but for control characters that nobody sends: those take six
# bytes in JSON, here two (bell, vertical tab) or one (all others).
_ESCAPED = str.maketrans(dict.fromkeys('\a\b\f\n\r\t\v\\"', "\\?"))
_JSON_BYTES_PER_ENTRY = 4
_KEY_RULE = build_pattern_rule(_KEY, _KEY_MESSAGE)
_NOT_RESERVED = Rule(
    cel=f"!(self in {_RESERVED_CEL})",
    message=_RESERVED_TEXT + _SEE,
    check=lambda name: name not in RESERVED,
    explain=lambda name: _RESERVED_TEXT + name,
    message_cel=f"'{_RESERVED_TEXT}' + self",
)
_NO_RESERVED_PREFIX = Rule(
    cel=f"!self.startsWith('{RESERVED_PREFIX}')",
    message=f"{_RESERVED_TEXT}{RESERVED_PREFIX}*",
    check=lambda name: not name.startswith(RESERVED_PREFIX),
)


def find_reserved(names: Mapping[str, Any]) -> list[str]:
    """Names that only the platform may set, in the order of RESERVED."""
    return [name for name in RESERVED if name in names]


def measure_variables(variables: Mapping[str, str]) -> int:
    """Bytes of the JSON text that AWS counts towards the 4 KB, without blanks."""
    return 1 + sum(
        _JSON_BYTES_PER_ENTRY + len(name.encode()) + len(quote(value).encode())
        for name, value in variables.items()
    )


def quote(text: str) -> str:
    """``text`` in quotation marks, each character that wants an escape as two characters."""
    return f'"{text.translate(_ESCAPED)}"'


def _write_reserved_message_cel() -> str:
    """The text with the names; written out, since the cost of ``filter`` has no bound for CEL."""
    names = " + ".join(f"('{name}' in self ? ', {name}' : '')" for name in RESERVED)
    return f"'{_RESERVED_TEXT[:-1]}' + ({names}).substring(1)"


VARIABLE_NAMES = Rule(
    cel=f"self.all(name, name.matches(r'{_KEY}'))",
    message=_KEY_MESSAGE,
    check=lambda variables: all(_KEY_RULE.check(name) for name in variables),
)
RESERVED_NAMES = Rule(
    cel=f"!{_RESERVED_CEL}.exists(name, name in self)",
    message=_RESERVED_TEXT + _SEE,
    check=lambda variables: not find_reserved(variables),
    explain=lambda variables: _RESERVED_TEXT + ", ".join(find_reserved(variables)),
    message_cel=_write_reserved_message_cel(),
)
RESERVED_PREFIXES = Rule(
    cel=f"self.all(name, !name.startsWith('{RESERVED_PREFIX}'))",
    message=f"{_RESERVED_TEXT}{RESERVED_PREFIX}*",
    check=lambda variables: not any(name.startswith(RESERVED_PREFIX) for name in variables),
)
NO_NUL = Rule(
    cel="!self.exists(name, self[name].contains('\\u0000'))",
    message="values of environment variables hold no NUL character",
    check=lambda variables: not any("\0" in value for value in variables.values()),
)
VARIABLES_TOTAL = Rule(
    cel=(
        f"1 + self.map(name, {_JSON_BYTES_PER_ENTRY} + bytes(name).size()"
        f" + bytes(strings.quote(self[name])).size()).sum() <= {VARIABLES_BYTES_MAX}"
    ),
    message=f"{_UNABLE}variables you have provided exceeded the 4KB limit.",
    check=lambda variables: measure_variables(variables) <= VARIABLES_BYTES_MAX,
)
UNIQUE_NAMES = Rule(
    cel="self.all(one, self.exists_one(other, other.name == one.name))",
    message="each name of valuesFrom is used once",
    check=lambda values: len({value.name for value in values}) == len(values),
)


class EnvironmentValue(ApiModel):
    """One variable whose value the kubelet reads; the operator never sees it."""

    name: Annotated[
        str,
        Field(min_length=2, max_length=128, description="Name of the variable."),
        _KEY_RULE,
        _NOT_RESERVED,
        _NO_RESERVED_PREFIX,
    ]
    secret_key_ref: KeyReference | None = Field(None, description="Key of a Secret.")
    config_map_key_ref: KeyReference | None = Field(None, description="Key of a ConfigMap.")

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.secretKeyRef) != has(self.configMapKeyRef)",
            message="a value comes from exactly one of secretKeyRef and configMapKeyRef",
            check=lambda value: (
                (value.secret_key_ref is None) != (value.config_map_key_ref is None)
            ),
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
            RESERVED_PREFIXES,
            NO_NUL,
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
            check=lambda environment: (
                not (
                    {value.name for value in environment.values_from or ()}
                    & set(environment.variables or ())
                )
            ),
        ),
    )
