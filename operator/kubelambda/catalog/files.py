"""The catalog of local mode: the same YAML as kubectl's, read from files and directories.

Contract: what it admits has passed the pydantic models, so local mode refuses what the API server
would refuse, with the same message. One bad document never hides the good ones: it is reported and
left out.
"""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kubelambda.api.model import ApiModel
from kubelambda.api.v1alpha1.function import LambdaFunction
from kubelambda.api.v1alpha1.layer import LambdaLayer
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.build import build_function
from kubelambda.catalog.layers import (
    LayerBook,
    build_layer_version,
    describe_missing,
    find_missing,
)
from kubelambda.catalog.local_values import ObjectKey, ValueMissingError, resolve_values
from kubelambda.core.function import Code, Function, FunctionRef

SUFFIXES = (".yaml", ".yml")
DEFAULT_NAMESPACE = "default"
_QUOTED = re.compile(r"'[^']{2,}'")
_UID_NAMESPACE = uuid.UUID("6b1f8a0e-7f5c-4c53-9f0e-0d5c4bb1a9a1")


Document = Mapping[str, Any]


class UnreadableError(Exception):
    """What is in a file cannot be served; the message is for its author."""


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
    origins: Mapping[FunctionRef, Path] = field(default_factory=dict)
    """The file of each function."""
    former: frozenset[FunctionRef] = frozenset()
    """Functions that are served as they were before their file was broken."""

    def kept(self, function: Function, path: Path) -> bool:
        """Whether ``function`` is what ``path`` held before."""
        return function.ref in self.former and self.origins.get(function.ref) == path


def load_functions(paths: Iterable[Path]) -> Loaded:
    """Read every YAML document under ``paths``; other kinds are passed over,
    but for layers, and for ConfigMaps and Secrets that functions name.
    """
    functions: dict[FunctionRef, Function] = {}
    origins: dict[FunctionRef, Path] = {}
    problems: list[Problem] = []
    documents: list[tuple[Path, Document]] = []
    for path in iter_manifest_files(paths):
        try:
            documents += [(path, document) for document in _read_documents(path)]
        except UnreadableError as error:
            problems.append(Problem(path, str(error)))
    objects = _collect_objects(documents)
    layers = _collect_layers(documents, problems)
    for path, document in documents:
        if document.get("kind") != "LambdaFunction":
            continue
        outcome = _admit(path, document, objects)
        if isinstance(outcome, Problem):
            problems.append(outcome)
        elif outcome.ref in functions:
            problems.append(Problem(path, f"a second function {outcome.ref}; the first stays"))
        else:
            functions[outcome.ref] = _with_layers(outcome, layers)
            origins[outcome.ref] = path
    return Loaded(tuple(functions.values()), tuple(problems), origins)


def keep_last_good(former: Loaded, loaded: Loaded) -> Loaded:
    """``loaded``, with what a file held before where it cannot be read any more.

    A slip of the keyboard takes nobody's function away; a file that is gone does.
    """
    present = {function.ref for function in loaded.functions}
    broken = {problem.path for problem in loaded.problems}
    kept = [
        function
        for function in former.functions
        if function.ref not in present and former.origins.get(function.ref) in broken
    ]
    if not kept:
        return loaded
    origins = {**loaded.origins, **{one.ref: former.origins[one.ref] for one in kept}}
    kept_refs = frozenset(one.ref for one in kept)
    return Loaded((*loaded.functions, *kept), loaded.problems, origins, kept_refs)


def iter_manifest_files(paths: Iterable[Path]) -> Iterator[Path]:
    """YAML files: those named, and those below the directories named, in a stable order."""
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES)
        else:
            yield path


def _read_documents(path: Path) -> list[Document]:
    try:
        text = path.read_text(encoding="utf-8")
        documents = list(yaml.safe_load_all(text))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UnreadableError(f"cannot be read as YAML: {_describe_yaml(error)}") from error
    if not text.strip():
        # As a rule an editor that is about to write it.
        raise UnreadableError("is empty")
    return [one for one in documents if isinstance(one, Mapping)]


def _describe_yaml(error: Exception) -> str:
    """What is wrong and where, without a snippet of the text, which may hold a secret."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = _QUOTED.sub("'…'", error.problem or "it cannot be understood")
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    if isinstance(error, OSError):
        return str(error)
    return "it holds a character or a value that YAML has no meaning for"


def _collect_objects(documents: Iterable[tuple[Path, Document]]) -> dict[ObjectKey, Document]:
    found = {}
    for _, document in documents:
        kind, metadata = document.get("kind"), document.get("metadata")
        if kind in ("ConfigMap", "Secret") and isinstance(metadata, Mapping):
            namespace = str(metadata.get("namespace", DEFAULT_NAMESPACE))
            found[str(kind), namespace, str(metadata.get("name"))] = document
    return found


def _collect_layers(
    documents: Iterable[tuple[Path, Document]], problems: list[Problem]
) -> LayerBook:
    """Layer versions by what they are called; of two that are the same the first stays."""
    book, taken = LayerBook(), set()
    for path, document in documents:
        if document.get("kind") != "LambdaLayer":
            continue
        try:
            version = build_layer_version(_dump(LambdaLayer.model_validate(document)))
        except ValidationError as error:
            problems.append(Problem(path, describe_errors(error)))
            continue
        if version.version_key in taken:
            reference = version.layer.reference
            problems.append(Problem(path, f"a second layer version {reference}; the first stays"))
            continue
        taken.add(version.version_key)
        book.put(version)
    return book


def _with_layers(function: Function, layers: LayerBook) -> Function:
    complete = layers.complete(function)
    missing = find_missing(complete)
    if not missing:
        return complete
    return replace(
        complete,
        stalled_reason=str(Reason.LAYER_NOT_FOUND),
        stalled_message=describe_missing(missing),
    )


def _admit(
    path: Path, document: Document, objects: Mapping[ObjectKey, Document]
) -> Function | Problem:
    try:
        admitted = LambdaFunction.model_validate(document)
    except ValidationError as error:
        return Problem(path, describe_errors(error))
    try:
        return resolve_values(_with_code(_build(admitted), objects), objects)
    except (UnreadableError, ValueMissingError) as error:
        return Problem(path, str(error))


def _with_code(function: Function, objects: Mapping[ObjectKey, Document]) -> Function:
    name = function.code.config_map
    if name is None:
        return function
    config_map = objects.get(("ConfigMap", function.ref.namespace, name))
    if config_map is None or not config_map.get("data"):
        raise UnreadableError(
            f"{function.ref.name}: the ConfigMap {name!r} of code.configMapRef is in none of the "
            "files, or is empty"
        )
    if config_map.get("binaryData"):
        raise UnreadableError(f"{function.ref.name}: local mode takes no binaryData of {name!r}")
    texts = {str(key): str(text) for key, text in config_map["data"].items()}
    return replace(function, code=Code(inline=texts))


def _dump(admitted: ApiModel) -> dict[str, Any]:
    manifest = admitted.model_dump(mode="json", by_alias=True, exclude_none=True)
    manifest["metadata"].setdefault("namespace", DEFAULT_NAMESPACE)
    return manifest


def _build(admitted: LambdaFunction) -> Function:
    manifest = _dump(admitted)
    metadata = manifest["metadata"]
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
