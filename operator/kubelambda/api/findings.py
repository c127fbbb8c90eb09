"""The message for the author of an object that a model refuses.

Contract: pure; never quotes a value, which may be a secret. A field that does not exist is named
together with the one that was probably meant. The verdict is pydantic's; the words are for somebody
who writes YAML and has never seen the model.
"""

import difflib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_UNKNOWN_FIELD = "extra_forbidden"
_NO_OBJECT = "model_type"
_SENTENCES = {
    "missing": "is missing",
    "string_type": "must be text; numbers, true and false need quotes",
    "int_type": "must be a whole number, without quotes or a unit",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be pairs of a name and a value",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}
"""What is said instead of pydantic's message, by the type of its error; the rest stays."""
Place = tuple[int | str, ...]


def describe_errors(error: ValidationError, model: type[BaseModel]) -> str:
    """All findings as ``path: message`` pairs; ``model`` is what the object should have been."""
    return "; ".join(f"{field}: {message}" for field, message in list_findings(error, model))


def list_findings(error: ValidationError, model: type[BaseModel]) -> list[tuple[str, str]]:
    """The path of the field and the message of each finding."""
    findings = error.errors(include_url=False, include_input=False)
    return [_describe(finding, model) for finding in findings]


def find_similar(word: str, words: Iterable[str]) -> str:
    """The one of ``words`` that ``word`` was probably meant to be; empty if none is similar."""
    by_lower = {word.lower(): word for word in words}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else ""


def _describe(finding: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    place, kind = finding["loc"], finding["type"]
    path = ".".join(str(part) for part in place)
    if kind == _UNKNOWN_FIELD:
        owner = _find_owner(model, place[:-1])
        similar = find_similar(str(place[-1]), _list_names(owner)) if owner else ""
        hint = f"; did you mean {similar}?" if similar else ""
        return path, f"there is no such field{hint}"
    if kind == _NO_OBJECT and (wanted := _find_owner(model, place)):
        return path, f"must have fields of its own: {', '.join(_list_names(wanted))}"
    sentence = _SENTENCES.get(kind)
    return path, sentence.format(**finding.get("ctx", {})) if sentence else finding["msg"]


def _find_owner(model: type[BaseModel], place: Place) -> type[BaseModel] | None:
    """The model at ``place``; None if that is a map of the user's own names."""
    owner: type[BaseModel] | None = model
    for part in place:
        if isinstance(part, int) or owner is None:
            continue
        found = [field for name, field in owner.model_fields.items() if part in (name, field.alias)]
        owner = _find_model(found[0].annotation) if found else None
    return owner


def _find_model(annotation: Any) -> type[BaseModel] | None:
    """The first model within a type such as ``list[Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for choice in get_args(annotation) if (found := _find_model(choice))), None)


def _list_names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
