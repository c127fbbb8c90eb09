"""The catalog of local mode: the same YAML as kubectl's, from files, directories and its own store.

Contract: documents are checked by the pydantic models, so local mode refuses what the API server
would refuse, with the same message. A bad document never hides the good ones: it is reported and
left out. An object of a file wins over one of the same name that was applied. Fields that are
admitted and have no effect in local mode are reported as remarks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from kubelambda.api.findings import describe_errors
from kubelambda.api.v1alpha1.function import LambdaFunction
from kubelambda.api.v1alpha1.layer import LambdaLayer
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.documents import (
    CLUSTER_KINDS,
    Document,
    UnreadableError,
    find_meant_kind,
    find_unknown_kind,
    iter_manifest_files,
    read_documents,
)
from kubelambda.catalog.layers import (
    LayerRegistry,
    LayerVersion,
    build_layer_version,
    describe_missing,
    find_missing,
)
from kubelambda.catalog.loaded import Applied, DocumentKey, Loaded, Origin, Problem, Remark
from kubelambda.catalog.local_build import build_local_function, dump
from kubelambda.catalog.local_fields import describe_ignored
from kubelambda.catalog.local_published import collect_published
from kubelambda.catalog.local_values import ObjectKey, ValueMissingError
from kubelambda.catalog.stand_ins import (
    DEFAULT_NAMESPACE,
    build_stand_in,
    find_layer_reference,
    find_name,
    search_documents,
)
from kubelambda.core.model.function import Function, FunctionRef

Documents = list[tuple[Origin, Document]]


def load_functions(paths: Iterable[Path], applied: Iterable[Document] = ()) -> Loaded:
    """Read the functions under ``paths``, and the layers, ConfigMaps and Secrets that they name.

    ``applied`` are objects of local mode's store. Objects of other kinds are passed over.
    """
    functions: dict[FunctionRef, Function] = {}
    origins: dict[FunctionRef, Origin] = {}
    problems: list[Problem] = []
    remarks: list[Remark] = []
    documents = _collect_documents(paths, problems, remarks)
    files = _find_files(documents)
    documents += _select_applied(applied, files, problems)
    objects = _collect_objects(documents)
    layers = _collect_layers(documents, problems, remarks)
    for path, document in documents:
        if document.get("kind") != "LambdaFunction":
            continue
        outcome = _admit(path, document, objects, remarks)
        if isinstance(outcome, Problem):
            problems.append(outcome)
        elif outcome.ref in functions:
            problems.append(Problem(path, f"a second function {outcome.ref}; the first stays"))
        else:
            functions[outcome.ref] = layers.complete(outcome)
            origins[outcome.ref] = path
    published = collect_published(documents, objects)
    problems += published.problems
    return Loaded(
        tuple(functions.values()),
        tuple(problems),
        tuple(remarks),
        origins,
        files,
        versions=tuple(map(layers.complete, published.versions)),
        aliases=published.aliases,
    )


def _collect_documents(
    paths: Iterable[Path], problems: list[Problem], remarks: list[Remark]
) -> Documents:
    documents: Documents = []
    for file in iter_manifest_files(paths):
        try:
            documents += [(file, document) for document in read_documents(file)]
        except UnreadableError as error:
            named = search_documents(_read_anyhow(file))
            problems.append(_build_problem(file, str(error), *named))
    for path, document in documents:
        problem, kind = find_unknown_kind(document), document.get("kind")
        if problem:
            meant = {**document, "kind": find_meant_kind(document)}
            problems.append(_build_document_problem(path, problem, meant))
        elif kind in CLUSTER_KINDS:
            remarks.append(Remark(path, f"a {kind} means nothing in local mode"))
    return documents


def _find_files(documents: Documents) -> dict[DocumentKey, Path]:
    """The first file of each object."""
    found: dict[DocumentKey, Path] = {}
    for path, document in documents:
        if isinstance(path, Path):
            found.setdefault(key_of(document), path)
    return found


def _select_applied(
    applied: Iterable[Document], files: Mapping[DocumentKey, Path], problems: list[Problem]
) -> Documents:
    """What was applied, but for that of which a file holds another one."""
    selected: Documents = []
    for document in applied:
        origin = Applied(*key_of(document))
        path = files.get(key_of(document))
        if path is None:
            selected.append((origin, document))
        else:
            message = f"{path} holds an object of this name, which is served; delete one of the two"
            problems.append(Problem(origin, message))
    return selected


def key_of(document: Document) -> DocumentKey:
    """Kind, namespace and name of ``document``, which may be anything."""
    metadata = document.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    return str(document.get("kind")), str(namespace or DEFAULT_NAMESPACE), find_name(document)


def _read_anyhow(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _build_problem(path: Origin, message: str, *documents: Document) -> Problem:
    """``documents`` are those that cannot be served because of the problem."""
    stand_ins = [
        build_stand_in(document, f"{path}: {message}", keeps_uid=isinstance(path, Applied))
        for document in documents
    ]
    return Problem(path, message, tuple(stand_in for stand_in in stand_ins if stand_in is not None))


def _build_document_problem(path: Origin, message: str, document: Document) -> Problem:
    return replace(_build_problem(path, message, document), subject=find_name(document))


def _collect_objects(documents: Documents) -> dict[ObjectKey, Document]:
    found = {}
    for _, document in documents:
        kind, metadata = document.get("kind"), document.get("metadata")
        if kind in ("ConfigMap", "Secret") and isinstance(metadata, Mapping):
            namespace = str(metadata.get("namespace", DEFAULT_NAMESPACE))
            found[str(kind), namespace, str(metadata.get("name"))] = document
    return found


def _collect_layers(
    documents: Documents, problems: list[Problem], remarks: list[Remark]
) -> "_Layers":
    """The layer versions of the files; of two with the same name and version the first stays."""
    layers, taken = _Layers(), set()
    for path, document in documents:
        if document.get("kind") != "LambdaLayer":
            continue
        try:
            admitted = LambdaLayer.model_validate(document)
        except ValidationError as error:
            message = describe_errors(error, LambdaLayer)
            problems.append(Problem(path, message, subject=find_name(document)))
            layers.refuse(document, str(problems[-1]))
            continue
        version = build_layer_version(dump(admitted))
        if version.version_key in taken:
            reference = version.layer.reference
            problems.append(Problem(path, f"a second layer version {reference}; the first stays"))
            continue
        taken.add(version.version_key)
        layers.put(version)
        remarks += _remark(
            path,
            version.layer.reference,
            describe_ignored(admitted.spec, is_applied=isinstance(path, Applied)),
        )
    return layers


class _Layers:
    """The layer versions of the files, and what is wrong with those that cannot be used."""

    def __init__(self) -> None:
        self._book = LayerRegistry()
        self._refused: dict[tuple[str, str], str] = {}

    def put(self, version: LayerVersion) -> None:
        self._book.put(version)

    def refuse(self, document: Document, problem: str) -> None:
        """Remember why there is no such layer version."""
        reference = find_layer_reference(document)
        if reference is not None:
            self._refused[reference] = problem

    def complete(self, function: Function) -> Function:
        """``function`` with its layers; one that cannot run if it lacks one."""
        complete = self._book.complete(function)
        missing = find_missing(complete)
        if not missing:
            return complete
        known = [self._refused.get((function.ref.namespace, layer)) for layer in missing]
        reasons = [reason for reason in known if reason is not None]
        return replace(
            complete,
            stalled_reason=str(Reason.LAYER_NOT_FOUND),
            stalled_message="; ".join(reasons) or describe_missing(missing),
        )


def _remark(path: Origin, what: str, sentences: Sequence[str]) -> list[Remark]:
    return [Remark(path, f"{what}: {sentence}") for sentence in sentences]


def _admit(
    path: Origin,
    document: Document,
    objects: Mapping[ObjectKey, Document],
    remarks: list[Remark],
) -> Function | Problem:
    try:
        admitted = LambdaFunction.model_validate(document)
    except ValidationError as error:
        return _build_document_problem(path, describe_errors(error, LambdaFunction), document)
    try:
        function = build_local_function(admitted, objects, is_applied=isinstance(path, Applied))
    except (UnreadableError, ValueMissingError) as error:
        return _build_problem(path, str(error), document)
    remarks += _remark(
        path,
        function.ref.name,
        describe_ignored(admitted.spec, is_applied=isinstance(path, Applied)),
    )
    return function
