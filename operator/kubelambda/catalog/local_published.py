"""Published versions and aliases among local mode's documents.

Contract: pure. Only what was applied counts: numbers and snapshots are written into the object,
and a file is nobody's to write. What cannot be served is reported, and hides nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from kubelambda.api.findings import describe_errors
from kubelambda.api.model import ApiModel
from kubelambda.api.v1alpha1.alias import LambdaAlias
from kubelambda.api.v1alpha1.version import LambdaVersion
from kubelambda.catalog.build import NotPublishedError, build_alias
from kubelambda.catalog.documents import Document, UnreadableError
from kubelambda.catalog.loaded import Applied, Origin, Problem
from kubelambda.catalog.local_build import Objects, build_local_version, dump
from kubelambda.catalog.local_values import ValueMissingError
from kubelambda.catalog.stand_ins import find_name
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.function import Function

_MODELS: dict[str, type[ApiModel]] = {"LambdaVersion": LambdaVersion, "LambdaAlias": LambdaAlias}


@dataclass(frozen=True, slots=True)
class Published:
    """Versions without the contents of their layers, aliases, and what was not taken."""

    versions: tuple[Function, ...] = ()
    aliases: tuple[Alias, ...] = ()
    problems: tuple[Problem, ...] = ()


def collect_published(documents: Iterable[tuple[Origin, Document]], objects: Objects) -> Published:
    """All of ``documents``; a LambdaVersion without a number is none yet."""
    versions: list[Function] = []
    aliases: list[Alias] = []
    problems: list[Problem] = []
    for origin, document in documents:
        model = _MODELS.get(str(document.get("kind")))
        if model is None:
            continue
        outcome = _admit(origin, document, model, objects)
        if isinstance(outcome, Problem):
            problems.append(outcome)
        elif isinstance(outcome, Alias):
            aliases.append(outcome)
        elif outcome is not None:
            versions.append(outcome)
    return Published(tuple(versions), tuple(aliases), tuple(problems))


def _admit(
    origin: Origin, document: Document, model: type[ApiModel], objects: Objects
) -> Function | Alias | Problem | None:
    name = find_name(document)
    if not isinstance(origin, Applied):
        kind = model.__name__
        message = (
            f"a {kind} of a file is not served, since nothing writes its number into the file; "
            f"apply it, and its function, with `kubelambda apply -f {origin}`"
        )
        return Problem(origin, message, subject=name)
    try:
        admitted = model.model_validate(document)
    except ValidationError as error:
        return Problem(origin, describe_errors(error, model), subject=name)
    if not isinstance(admitted, LambdaVersion):
        return build_alias(dump(admitted))
    try:
        return build_local_version(admitted, objects)
    except NotPublishedError:
        return None
    except (UnreadableError, ValueMissingError) as error:
        return Problem(origin, str(error))
