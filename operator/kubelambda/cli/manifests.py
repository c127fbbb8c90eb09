"""Manifests that a command was given with ``-f``: files, directories, or standard input."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kubelambda.api.kinds import BY_NAME
from kubelambda.catalog.documents import (
    UnreadableError,
    find_unknown_kind,
    iter_manifest_files,
    parse_documents,
    read_documents,
)
from kubelambda.cli.failure import CommandError
from kubelambda.objects.identity import DEFAULT_NAMESPACE

STANDARD_INPUT = "-"


def read_manifests(sources: Sequence[str], namespace: str) -> list[dict[str, Any]]:
    """All objects, each in its namespace; CommandError if one of the sources cannot be read.

    ``namespace`` is that of objects which name none; one that names another is refused.
    """
    documents = [document for source in sources for document in _read(source)]
    if not documents:
        raise CommandError(f"no objects in {', '.join(sources)}")
    return [_place(document, namespace) for document in documents]


def _read(source: str) -> list[dict[str, Any]]:
    if source == STANDARD_INPUT:
        return _read_text("standard input", sys.stdin.read())
    if not Path(source).exists():
        raise CommandError(f"{source} does not exist")
    found: list[dict[str, Any]] = []
    for path in iter_manifest_files([Path(source)]):
        try:
            found += [dict(document) for document in read_documents(path)]
        except UnreadableError as error:
            raise CommandError(f"{path}: {error}") from error
    return found


def _read_text(name: str, text: str) -> list[dict[str, Any]]:
    try:
        return [dict(document) for document in parse_documents(text)]
    except UnreadableError as error:
        raise CommandError(f"{name}: {error}") from error


def _place(document: dict[str, Any], namespace: str) -> dict[str, Any]:
    name = document.get("kind")
    problem = find_unknown_kind(document)
    kind = BY_NAME.get(str(name))
    if problem or kind is None or document.get("apiVersion") != kind.api_version:
        known = ", ".join(BY_NAME)
        said = f"{name} of {document.get('apiVersion')}"
        raise CommandError(problem or f"{said} means nothing to kubelambda, which takes {known}")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise CommandError(f"a {name} has no metadata.name")
    if not kind.is_namespaced:
        return document
    own = metadata.get("namespace")
    if own and namespace and own != namespace:
        raise CommandError(
            f"{name} {metadata['name']} is in the namespace {own}, not in {namespace}; "
            f"leave -n out, or pass -n {own}"
        )
    place = own or namespace or DEFAULT_NAMESPACE
    return {**document, "metadata": {**metadata, "namespace": place}}
