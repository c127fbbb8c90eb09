"""The catalog of local mode: the same YAML as kubectl's, read from files and directories.

Contract: what it admits has passed the pydantic models, so local mode refuses what the API server
would refuse, with the same message. One bad document never hides the good ones: it is reported and
left out.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kubelambda.api.v1alpha1.function import LambdaFunction
from kubelambda.catalog.build import build_function
from kubelambda.core.function import Function

SUFFIXES = (".yaml", ".yml")
DEFAULT_NAMESPACE = "default"
_UID_NAMESPACE = uuid.UUID("6b1f8a0e-7f5c-4c53-9f0e-0d5c4bb1a9a1")


@dataclass(frozen=True, slots=True)
class Problem:
    """A document that cannot be served, and why, in a sentence for its author."""

    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything found under the paths: functions to serve and problems to report."""

    functions: tuple[Function, ...]
    problems: tuple[Problem, ...]


def load_functions(paths: Iterable[Path]) -> Loaded:
    """Read every YAML document under ``paths``; kinds other than LambdaFunction are passed over."""
    functions: dict[Any, Function] = {}
    problems: list[Problem] = []
    for path in iter_manifest_files(paths):
        for outcome in _load_file(path):
            if isinstance(outcome, Problem):
                problems.append(outcome)
            elif outcome.ref in functions:
                problems.append(Problem(path, f"a second function {outcome.ref}; the first stays"))
            else:
                functions[outcome.ref] = outcome
    return Loaded(tuple(functions.values()), tuple(problems))


def iter_manifest_files(paths: Iterable[Path]) -> Iterator[Path]:
    """YAML files: those named, and those below the directories named, in a stable order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES)
        else:
            yield path


def _load_file(path: Path) -> Iterator[Function | Problem]:
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        yield Problem(path, f"cannot be read as YAML: {error}")
        return
    for document in documents:
        if isinstance(document, Mapping) and document.get("kind") == "LambdaFunction":
            yield _admit(path, document)


def _admit(path: Path, document: Mapping[str, Any]) -> Function | Problem:
    try:
        admitted = LambdaFunction.model_validate(document)
    except ValidationError as error:
        return Problem(path, describe_errors(error))
    manifest = admitted.model_dump(mode="json", by_alias=True, exclude_none=True)
    metadata = manifest["metadata"]
    metadata.setdefault("namespace", DEFAULT_NAMESPACE)
    metadata["uid"] = str(uuid.uuid5(_UID_NAMESPACE, f"{metadata['namespace']}/{metadata['name']}"))
    metadata["generation"] = 1
    manifest["status"] = {
        "observedGeneration": 1,
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return build_function(manifest)


def describe_errors(error: ValidationError) -> str:
    """Pydantic's findings as ``path: message`` pairs, without the values (they may be secrets)."""
    return "; ".join(
        f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    )
