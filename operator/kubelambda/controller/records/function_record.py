"""What the controller remembers of each LambdaFunction, and of each published version of one.

Contract: pure. Built on receipt: inline code, environment values, managedFields and the
last-applied-configuration are dropped at once (a digest of them stays). Nothing here is ever logged
whole. A function whose spec cannot be read has a record too: its ``spec_problem`` says so, and the
controller can write that into its status.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kubelambda.catalog.build import build_function, build_version
from kubelambda.controller.records.malformed import MALFORMED
from kubelambda.controller.status.spec_problem import (
    describe_unreadable,
    find_function_spec_problem,
    find_snapshot_problem,
)
from kubelambda.core.images.config import (
    ImageConfig,
    ImageRequest,
    ResolvedImage,
    read_image_config,
)
from kubelambda.core.model.code import Code, ConfigMapFiles, forget_found_digest, get_package
from kubelambda.core.model.field_types import is_number, is_text
from kubelambda.core.model.function import LATEST, Function, FunctionRef
from kubelambda.core.model.layer import Layer
from kubelambda.core.model.status import FunctionStatus, read_function_status
from kubelambda.core.packages.code_zip import compute_sha256, to_code_sha256
from kubelambda.judge.problem import Problem
from kubelambda.kube.paths import FUNCTIONS, VERSIONS, Resource

DEFAULT_EPHEMERAL_MB = 512


@dataclass(frozen=True, slots=True)
class FunctionRecord:
    """What has pods, without its code and its environment values: a function or a version of it."""

    ref: FunctionRef
    uid: str
    version: str
    generation: int
    created: str
    deleting: bool
    function_name: str
    account_id: str
    runtime: str
    memory_mb: int
    timeout_s: int
    ephemeral_mb: int
    values_from: tuple[Mapping[str, Any], ...]
    config_digest: str
    """Of the spec alone, without what it only names: the version of the code, and layers."""
    serving_digest: str
    """The same with what the status says of those; gateways compare it with that of a pod."""
    config_map: str
    """The ConfigMap with the code, if the code comes from one."""
    package: str
    """SHA-256 of the package with the code, if the code is one."""
    fetches_code: bool
    """Whether its pods fetch its code from a URL or S3 that its owner has named; layers aside."""
    uses_s3: bool
    """Whether fetching it needs the Secret kubelambda-s3."""
    image: ImageRequest | None
    """What the spec says of its image; None for a function whose code is not an image."""
    resolved_image: ResolvedImage | None
    """What was found for this generation of the spec, as the status remembers it."""
    code_sha256: str
    """SHA-256 of code that is part of the spec; else empty."""
    layers: tuple[Layer, ...]
    """The layers that it names, with what its status remembers of them."""
    reserved_concurrency: int | None
    """Of a version None: the function has it."""
    number: int
    """Of a published version; 0 for a LambdaFunction."""
    publish: bool
    """Whether each change is to be published."""
    spec_problem: Problem | None
    """Why it cannot work, by its own manifest."""
    status: FunctionStatus = field(repr=False)

    @property
    def resource(self) -> Resource:
        """What kind of object it is."""
        return VERSIONS if self.number else FUNCTIONS


def read_function(manifest: Mapping[str, Any]) -> FunctionRecord:
    """The record of a LambdaFunction as it comes over the wire, whatever its spec and status."""
    problem = find_function_spec_problem(manifest)
    status = read_function_status(manifest.get("status"))
    try:
        record = _build_record(manifest, build_function(manifest, status=status), status, problem)
        _check_types(record)
    except MALFORMED as error:
        bare = {**manifest, "spec": _pick_identity(manifest.get("spec"))}
        problem = problem or describe_unreadable(error)
        return _build_record(bare, build_function(bare, status=status), status, problem)
    return record


def read_published(manifest: Mapping[str, Any], status: FunctionStatus) -> FunctionRecord:
    """The record of a LambdaVersion that has number and snapshot; MALFORMED if it has not.

    ``status`` is the manifest's.
    """
    function = build_version(manifest, status=status)
    snapshot = manifest["spec"]["snapshot"]
    problem = find_snapshot_problem(snapshot)
    record = _build_record({**manifest, "spec": snapshot}, function, status, problem)
    _check_types(record)
    return record


def _pick_identity(spec: Any) -> dict[str, Any]:
    """The part that names the function, of a spec that cannot be read."""
    name = spec.get("functionName") if isinstance(spec, Mapping) else None
    return {"functionName": name} if isinstance(name, str) else {}


def _check_types(record: FunctionRecord) -> None:
    """TypeError if a value does not have the type that everything else relies on."""
    texts = [record.function_name, record.runtime, record.config_map, record.package]
    texts += [layer.name for layer in record.layers]
    numbers = [record.memory_mb, record.timeout_s, record.ephemeral_mb]
    numbers += [record.reserved_concurrency or 0, *(layer.version for layer in record.layers)]
    if not all(map(is_text, texts)) or not all(map(is_number, numbers)):
        raise TypeError("a field of another type")


def _build_record(
    manifest: Mapping[str, Any],
    function: Function,
    status: FunctionStatus,
    problem: Problem | None,
) -> FunctionRecord:
    metadata, spec = manifest["metadata"], manifest["spec"]
    generation = metadata.get("generation", 0)
    code = function.code
    bare = replace(function, code=forget_found_digest(code), layers=())
    return FunctionRecord(
        ref=function.ref,
        uid=function.uid,
        version=metadata["resourceVersion"],
        generation=generation,
        created=metadata.get("creationTimestamp", ""),
        deleting="deletionTimestamp" in metadata,
        function_name=function.function_name,
        account_id=function.account_id,
        runtime=function.runtime,
        memory_mb=function.memory_mb,
        timeout_s=function.timeout_s,
        ephemeral_mb=(spec.get("ephemeralStorage") or {}).get("size") or DEFAULT_EPHEMERAL_MB,
        values_from=function.values_from,
        config_digest=bare.config_digest,
        serving_digest=function.config_digest,
        config_map=code.name if isinstance(code, ConfigMapFiles) else "",
        package=get_package(code),
        fetches_code=bare.fetches_code,
        uses_s3=bare.uses_s3,
        image=_read_image(spec),
        resolved_image=_find_resolved_image(status, generation),
        code_sha256=_compute_code_sha256(code),
        layers=function.layers,
        reserved_concurrency=function.reserved_concurrency,
        number=int(function.version) if function.version != LATEST else 0,
        publish=spec.get("publish") is True,
        spec_problem=problem,
        status=status,
    )


def _read_image(spec: Mapping[str, Any]) -> ImageRequest | None:
    uri = (spec.get("code") or {}).get("imageURI")
    return ImageRequest(uri, read_image_config(spec.get("imageConfig") or {})) if uri else None


def _find_resolved_image(status: FunctionStatus, generation: int) -> ResolvedImage | None:
    """None if the spec has changed since: the same tag may mean another image by now."""
    image = status.image
    if image is None or not status.resolved_image_uri or image.observed_generation != generation:
        return None
    config = ImageConfig(image.entry_point, image.command, image.working_directory)
    resolved = ResolvedImage(status.resolved_image_uri, config)
    # If somebody has edited the status the digest differs: another image would run.
    return resolved if resolved.digest == image.digest else None


def _compute_code_sha256(code: Code) -> str:
    try:
        return to_code_sha256(compute_sha256(code))
    except ValueError:
        return ""  # spec_problem says what is wrong with it
