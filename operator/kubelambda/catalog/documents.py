"""YAML documents from files and directories, as local mode reads them.

Contract: a file is read whole or not at all. Messages never quote the text: it may hold a secret.
Objects of other API groups are passed on as they are; an object of our group whose kind does not
exist is an error, since it was meant to do something.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from kubelambda.api.findings import find_similar
from kubelambda.api.kinds import GROUP as _GROUP_NAME
from kubelambda.api.kinds import KINDS

SUFFIXES = (".yaml", ".yml")
GROUP = f"{_GROUP_NAME}/"
SERVED_KINDS = tuple(kind.name for kind in KINDS if kind.is_namespaced)
CLUSTER_KINDS = tuple(kind.name for kind in KINDS if not kind.is_namespaced)
"""Kinds of our group that have no meaning in local mode, which uses this machine's runtimes."""
_QUOTED = re.compile(r"'[^']{2,}'")

Document = Mapping[str, Any]


class UnreadableError(Exception):
    """The contents of a file cannot be served; the message is for its author."""


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, as kubectl does: one of them is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise ConstructorError(None, None, "a key that stands here twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def iter_manifest_files(paths: Iterable[Path]) -> Iterator[Path]:
    """YAML files: those named, and those below the directories named, in a stable order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
        else:
            yield path


def read_documents(path: Path) -> list[Document]:
    """The objects of one file, those within a List too."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UnreadableError(f"cannot be read as YAML: {_describe_yaml(error)}") from error
    return parse_documents(text)


def parse_documents(text: str) -> list[Document]:
    """The objects of a text, those within a List too."""
    try:
        documents = list(yaml.load_all(text, _StrictLoader))  # a SafeLoader
    except (ValueError, yaml.YAMLError) as error:
        raise UnreadableError(f"cannot be read as YAML: {_describe_yaml(error)}") from error
    except RecursionError as error:
        raise UnreadableError("is nested too deeply to be read") from error
    if not text.strip():
        # Most often an editor is about to write it.
        raise UnreadableError("is empty")
    return [line for document in documents if document is not None for line in _unfold(document)]


def find_unknown_kind(document: Document) -> str:
    """The message for an object of our group of an unknown kind; empty for any other object."""
    kind, version = document.get("kind"), document.get("apiVersion")
    if not isinstance(version, str) or not version.startswith(GROUP):
        return ""
    if kind in (*SERVED_KINDS, *CLUSTER_KINDS):
        return ""
    similar = find_meant_kind(document)
    hint = f"; did you mean {similar}?" if similar else ""
    return f"kind: there is no {kind} in {version}{hint}"


def find_meant_kind(document: Document) -> str:
    """The kind that an unknown one was probably meant to be; empty if none is similar."""
    return find_similar(str(document.get("kind")), (*SERVED_KINDS, *CLUSTER_KINDS))


def _unfold(document: Any) -> Iterator[Document]:
    if not isinstance(document, Mapping):
        raise UnreadableError("holds a document that is not an object; each begins with apiVersion")
    items = document.get("items")
    if document.get("kind") == "List" and isinstance(items, list):
        for item in items:
            yield from _unfold(item)
    else:
        yield document


def _describe_yaml(error: Exception) -> str:
    """What is wrong and where, without a snippet of the text, which may hold a secret."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = _QUOTED.sub("'…'", error.problem or "it cannot be understood")
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    if isinstance(error, OSError):
        return str(error)
    return "it holds a character or a value that YAML has no meaning for"
