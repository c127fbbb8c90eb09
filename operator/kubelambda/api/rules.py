"""Rules of validation that the API server and pydantic both hold, in the same words.

Contract: pure. A ``Rule`` stands once, next to the field (in ``Annotated``) or model (``RULES``)
it belongs to; pydantic runs ``check``, the generated CRD carries ``cel``. Both must give the same
verdict: tests/admission/cases.yaml is put to both. Messages hold no values, which may be secrets.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """What must be true of one value; ``explain`` and ``message_cel`` name what was wrong in it."""

    cel: str
    message: str
    check: Callable[[Any], bool]
    explain: Callable[[Any], str] | None = None
    message_cel: str = ""

    def verify(self, value: Any) -> Any:
        """``value`` as it is; a validation error with the rule's message if it breaks it."""
        if self.check(value):
            return value
        message = self.explain(value) if self.explain else self.message
        raise PydanticCustomError("rule", "{message}", {"message": message})

    def to_schema(self) -> dict[str, str]:
        """The entry of ``x-kubernetes-validations``."""
        entry = {"rule": self.cel, "message": self.message}
        return {**entry, "messageExpression": self.message_cel} if self.message_cel else entry

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.verify, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return add_validations(handler(schema), [self.to_schema()])


@dataclass(frozen=True, slots=True)
class TransitionRule:
    """What must be true of a value and the one it replaces (``self`` and ``oldSelf`` in CEL)."""

    cel: str
    message: str
    check: Callable[[Any, Any], bool]

    def to_schema(self) -> dict[str, str]:
        """The entry of ``x-kubernetes-validations``."""
        return {"rule": self.cel, "message": self.message}


def build_pattern_rule(pattern: str, message: str) -> Rule:
    """The whole text must match; ``pattern`` is anchored and means the same to RE2 and Python."""
    compiled = re.compile(pattern)
    return Rule(
        cel=f"self.matches(r'{pattern}')",
        message=message,
        check=lambda text: compiled.fullmatch(text) is not None,
    )


def add_validations(
    schema: JsonSchemaValue, entries: Sequence[Mapping[str, str]]
) -> JsonSchemaValue:
    """``schema`` with ``entries`` behind those that it has."""
    return {**schema, VALIDATIONS: [*schema.get(VALIDATIONS, []), *entries]} if entries else schema
