"""What the controller remembers of functions and runtimes: small values instead of whole manifests.

Contract: pure; pods are in ``pod_records``, Deployments and NetworkPolicies in ``kept_records``.
Built on receipt, so inline code, environment values, managedFields and last-applied-configuration
are gone from memory at once (a digest of them stays). Nothing here is ever logged whole. A function
whose spec cannot be read has a record all the same: its verdict says so, and the controller can
write that into its status.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.catalog.build import build_function
from kubelambda.controller.cache.status_shape import (
    CANNOT_BE_READ,
    FUNCTION_STATUS,
    is_number,
    is_text,
    keep_shapely,
)
from kubelambda.controller.function.verdict import Verdict, judge_manifest
from kubelambda.core.images.config import ImageRequest, ResolvedImage, read_image_config
from kubelambda.core.model.code import Code, ConfigMapFiles, forget_found_digest, get_package
from kubelambda.core.model.function import FunctionRef
from kubelambda.core.model.layer import Layer
from kubelambda.core.packages.code_digest import digest_files
from kubelambda.core.packages.code_zip import compute_sha256, to_code_sha256

Key = tuple[str, str]
DEFAULT_EPHEMERAL_MB = 512


@dataclass(frozen=True, slots=True)
class FunctionRecord:
    """A LambdaFunction without its code and its environment values."""

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
    """Without what the spec only names: a version of the code, layers."""
    serving_digest: str
    """With what the status says of those: what gateways take for current."""
    config_map: str
    """The ConfigMap with the code, if the code comes from one."""
    package: str
    """SHA-256 of the package with the code, if the code is one."""
    fetches_code: bool
    """Whether its pods fetch its code, layers aside, from an address that its owner has chosen."""
    uses_s3: bool
    """Whether that needs the Secret kubelambda-s3."""
    image: ImageRequest | None
    """Of a function whose code is an image."""
    resolved_image: ResolvedImage | None
    """What was found for this generation of the spec, as the status remembers it."""
    code_sha256: str
    """Of code that is part of the spec; else empty."""
    layers: tuple[Layer, ...]
    """The layers that it names, with what its status remembers of them."""
    reserved_concurrency: int | None
    verdict: Verdict
    status: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RuntimeRecord:
    """A LambdaRuntime: which image and bootstrap serve an identifier."""

    name: str
    version: str
    image: str
    bootstrap: tuple[str, ...]


def check_metadata(manifest: Mapping[str, Any]) -> None:
    """TypeError where the metadata are not as every API server writes them."""
    metadata = manifest["metadata"]
    texts = [metadata["uid"], metadata["resourceVersion"], metadata.get("creationTimestamp", "")]
    for key in ("labels", "annotations"):
        texts += [text for one in (metadata.get(key) or {}).items() for text in one]
    if not all(map(is_text, texts)) or not is_number(metadata.get("generation", 0)):
        raise TypeError("metadata of another type")


def read_function(manifest: Mapping[str, Any]) -> FunctionRecord:
    """The record of a LambdaFunction as it comes over the wire, whatever its spec and status."""
    verdict = judge_manifest(manifest)
    shapely = {**manifest, "status": keep_shapely(manifest.get("status"), FUNCTION_STATUS)}
    try:
        record = _read_function(shapely, verdict)
        _check_types(record)
    except CANNOT_BE_READ as error:
        if verdict.reason is None:
            verdict = Verdict(Reason.INVALID_SPEC, f"spec cannot be read: {type(error).__name__}")
        return _read_function({**shapely, "spec": _pick_identity(manifest.get("spec"))}, verdict)
    return record


def _pick_identity(spec: Any) -> dict[str, Any]:
    """What names the function, of a spec that cannot be read."""
    name = spec.get("functionName") if isinstance(spec, Mapping) else None
    return {"functionName": name} if isinstance(name, str) else {}


def _check_types(record: FunctionRecord) -> None:
    """TypeError where a value has not the type that everything else relies on."""
    texts = [record.function_name, record.runtime, record.config_map, record.package]
    texts += [one.name for one in record.layers]
    numbers = [record.memory_mb, record.timeout_s, record.ephemeral_mb]
    numbers += [record.reserved_concurrency or 0, *(one.version for one in record.layers)]
    if not all(map(is_text, texts)) or not all(map(is_number, numbers)):
        raise TypeError("a field of another type")


def _read_function(manifest: Mapping[str, Any], verdict: Verdict) -> FunctionRecord:
    metadata, spec = manifest["metadata"], manifest["spec"]
    function = build_function(manifest)
    code = function.code
    bare = replace(function, code=forget_found_digest(code), layers=())
    return FunctionRecord(
        ref=function.ref,
        uid=function.uid,
        version=metadata["resourceVersion"],
        generation=metadata.get("generation", 0),
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
        resolved_image=_read_resolved(manifest),
        code_sha256=_compute_code_sha256(code),
        layers=function.layers,
        reserved_concurrency=function.reserved_concurrency,
        verdict=verdict,
        status=manifest["status"],
    )


def _read_image(spec: Mapping[str, Any]) -> ImageRequest | None:
    uri = (spec.get("code") or {}).get("imageURI")
    return ImageRequest(uri, read_image_config(spec.get("imageConfig") or {})) if uri else None


def _read_resolved(manifest: Mapping[str, Any]) -> ResolvedImage | None:
    """None where the spec has changed since: the same tag may mean another image then."""
    status = manifest["status"]
    config, uri = status.get("imageConfig") or {}, status.get("resolvedImageUri")
    if not uri or config.get("observedGeneration") != manifest["metadata"].get("generation", 0):
        return None
    resolved = ResolvedImage(uri, read_image_config(config))
    # Not what hands have put there: somebody else's image would run.
    return resolved if resolved.digest == config.get("digest") else None


def _compute_code_sha256(code: Code) -> str:
    try:
        return to_code_sha256(compute_sha256(code))
    except ValueError:
        return ""  # the verdict says what is wrong with it


def digest_config_map(manifest: Mapping[str, Any]) -> str:
    """The digest of a ConfigMap's files; empty where it has none."""
    files = {name: text.encode() for name, text in (manifest.get("data") or {}).items()}
    for name, content in (manifest.get("binaryData") or {}).items():
        files[name] = base64.b64decode(content)
    return digest_files(files) if files else ""


def read_runtime(manifest: Mapping[str, Any]) -> RuntimeRecord:
    """The record of a LambdaRuntime."""
    spec, metadata = manifest["spec"], manifest["metadata"]
    image, bootstrap = spec["image"], spec.get("bootstrap") or []
    if not is_text(image) or not isinstance(bootstrap, list) or not all(map(is_text, bootstrap)):
        raise TypeError("spec.image is a string, spec.bootstrap a list of strings")
    return RuntimeRecord(
        name=find_runtime_name(manifest),
        version=metadata.get("resourceVersion", "0"),
        image=image,
        bootstrap=tuple(bootstrap),
    )


def find_runtime_name(manifest: Mapping[str, Any]) -> str:
    """The identifier of a LambdaRuntime, whatever the rest of it."""
    spec = manifest.get("spec")
    named = spec.get("identifier") if isinstance(spec, Mapping) else None
    return named if isinstance(named, str) and named else str(manifest["metadata"]["name"])
