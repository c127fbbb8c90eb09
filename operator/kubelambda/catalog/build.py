"""Builds the data plane's ``Function`` from a LambdaFunction as it comes over the wire.

Contract: pure. The API server (or, in local mode, the pydantic model) has admitted the object, so
no rule is checked again, only the types of what is used. Controller and gateway both use this
module: that is why their configuration digests agree. Texts that functions and their versions have
in common, code included, are kept once (interned). Defaults: spec/lambda.md section 6.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from sys import intern
from typing import Any

from kubelambda.api.v1alpha1.reason import CAPACITY_REASONS, START_REASONS, Reason
from kubelambda.core.model.account import derive_account_id
from kubelambda.core.model.alias import Alias
from kubelambda.core.model.code import (
    NO_CODE,
    Code,
    ConfigMapFiles,
    ContainerImage,
    InlineFiles,
    InlineZip,
    S3Package,
    UploadedPackage,
    UrlPackage,
)
from kubelambda.core.model.function import Function, FunctionRef, Stall
from kubelambda.core.model.layer import Layer
from kubelambda.core.model.log_config import build_log_config
from kubelambda.core.model.status import (
    NO_STATUS,
    READY,
    STALLED,
    Condition,
    FunctionStatus,
    LayerEntry,
    read_function_status,
)
from kubelambda.core.packages.code_zip import from_code_sha256

DEFAULT_MEMORY_MB = 128
DEFAULT_TIMEOUT_S = 3


def build_function(
    manifest: Mapping[str, Any],
    account_id: str | None = None,
    status: FunctionStatus | None = None,
) -> Function:
    """The function that ``manifest`` describes, in its namespace's account.

    ``status`` is the manifest's, for a caller that has read it already.

    If the manifest does not match the CRD's schema it raises any of Python's own errors.
    """
    metadata, spec = manifest["metadata"], manifest["spec"]
    namespace, name = intern(metadata.get("namespace", "default")), metadata["name"]
    if status is None:
        status = read_function_status(manifest.get("status"))
    conditions = _find_current_conditions(status, metadata.get("generation", 0))
    stalled = _find_stalled(conditions)
    reason = stalled.reason if stalled is not None else ""
    stall = _classify_stall(reason)
    environment = spec.get("environment") or {}
    function = Function(
        ref=FunctionRef(namespace, name),
        uid=metadata.get("uid", ""),
        function_name=intern(spec.get("functionName") or name),
        account_id=intern(account_id or derive_account_id(namespace)),
        runtime=intern(spec.get("runtime") or ""),
        handler=intern(spec.get("handler") or _find_image_handler(status)),
        code=build_code(spec.get("code") or {}, status),
        memory_mb=spec.get("memorySize") or DEFAULT_MEMORY_MB,
        timeout_s=spec.get("timeout") or DEFAULT_TIMEOUT_S,
        environment=_share_texts(environment.get("variables") or {}),
        values_from=tuple(environment.get("valuesFrom") or ()),
        layers=build_layers(spec.get("layers") or (), status.layers or ()),
        reserved_concurrency=spec.get("reservedConcurrentExecutions"),
        logs=build_log_config(spec.get("loggingConfig")),
        ready=_is_true(conditions, READY) or stall is not Stall.CANNOT_RUN,
        stalled_reason=reason,
        stalled_message=stalled.message if stalled is not None else "",
        stall=stall,
        created=metadata.get("creationTimestamp") or "",
    )
    _check_types(function)
    return function


class NotPublishedError(ValueError):
    """A LambdaVersion whose number and snapshot the controller has not written yet."""


def build_version(
    manifest: Mapping[str, Any],
    account_id: str | None = None,
    status: FunctionStatus | None = None,
) -> Function:
    """The published version that a LambdaVersion ``manifest`` is; NotPublishedError.

    Its reservation is that of its function, which the object does not know. Otherwise as
    ``build_function``.
    """
    metadata, spec = manifest["metadata"], manifest["spec"]
    number, snapshot = spec.get("version"), spec.get("snapshot")
    if not number or snapshot is None:
        raise NotPublishedError(metadata["name"])
    if not isinstance(number, int):
        raise TypeError("the number of a version that is not a whole number")
    configuration = {**snapshot, "functionName": spec["functionName"]}
    function = build_function({**manifest, "spec": configuration}, account_id, status)
    return replace(function, version=str(number), function_uid=_find_owner_uid(metadata))


def _find_owner_uid(metadata: Mapping[str, Any]) -> str:
    """The uid of the LambdaFunction that owns a version or an alias; empty if none does."""
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("kind") == "LambdaFunction":
            return intern(str(owner.get("uid", "")))
    return ""


def build_alias(manifest: Mapping[str, Any]) -> Alias:
    """What a LambdaAlias ``manifest`` is; raises as ``build_function`` does."""
    metadata, spec = manifest["metadata"], manifest["spec"]
    name = metadata["name"]
    weights = (spec.get("routingConfig") or {}).get("additionalVersionWeights") or {}
    return Alias(
        ref=FunctionRef(metadata.get("namespace", "default"), name),
        uid=metadata.get("uid", ""),
        created=metadata.get("creationTimestamp", ""),
        function_name=str(spec["functionName"]),
        name=str(spec.get("name") or name.partition(".")[2]),
        version=str(spec["functionVersion"]),
        weights=tuple((str(version), float(weight)) for version, weight in weights.items()),
    )


def _share_texts(texts: Mapping[str, str]) -> dict[str, str]:
    return {intern(name): intern(text) for name, text in texts.items()}


def _check_types(function: Function) -> None:
    """TypeError for a field of the wrong type, which would otherwise fail far from here."""
    texts = (function.ref.name, function.uid, function.function_name, function.runtime)
    numbers = (function.memory_mb, function.timeout_s, function.reserved_concurrency or 0)
    if not all(isinstance(text, str) for text in (*texts, function.handler)):
        raise TypeError("a name that is not a text")
    if not all(isinstance(number, int | float) for number in numbers):
        raise TypeError("a size that is not a number")


def build_unreadable(
    manifest: Mapping[str, Any], problem: str, remedy: str = "rewrite its spec"
) -> Function:
    """The stand-in of an object that ``build_function`` cannot read: a function that cannot run."""
    metadata, spec = manifest["metadata"], manifest.get("spec")
    namespace, name = str(metadata.get("namespace", "default")), str(metadata["name"])
    message = f"this release cannot read the object ({problem}); {remedy}"
    return build_invalid(FunctionRef(namespace, name), str(metadata.get("uid", "")), spec, message)


def build_unreadable_version(manifest: Mapping[str, Any], problem: str) -> Function | None:
    """The same for ``build_version``; None if not even the number can be read."""
    number = manifest["spec"].get("version")
    if not isinstance(number, int):
        return None
    stand_in = build_unreadable(manifest, problem, "publish the function again")
    owner = _find_owner_uid(manifest["metadata"])
    return replace(stand_in, version=str(number), function_uid=owner)


def build_invalid(ref: FunctionRef, uid: str, spec: Any, message: str) -> Function:
    """A function that cannot run because of its ``spec``, which may be anything."""
    function_name = spec.get("functionName") if isinstance(spec, Mapping) else None
    return Function(
        ref=ref,
        uid=uid,
        function_name=function_name if isinstance(function_name, str) else ref.name,
        account_id=derive_account_id(ref.namespace),
        runtime="",
        handler="",
        code=NO_CODE,
        ready=False,
        stalled_reason=str(Reason.INVALID_SPEC),
        stalled_message=message,
    )


def build_code(code: Mapping[str, Any], status: FunctionStatus = NO_STATUS) -> Code:
    """The source of a function's code or of a layer's content.

    ``NO_CODE`` for a kind of source that this release does not know.
    """
    if code.get("inline") is not None:
        return InlineFiles(_share_texts(code["inline"]))
    if code.get("zipFile") is not None:
        return InlineZip(intern(code["zipFile"]))
    if code.get("configMapRef") is not None:
        return ConfigMapFiles(code["configMapRef"]["name"], status.code_sha256)
    if code.get("package") is not None:
        return UploadedPackage(code["package"])
    if code.get("imageURI") is not None:
        return ContainerImage(status.image.digest if status.image is not None else "")
    return _build_fetched_code(code)


def _build_fetched_code(code: Mapping[str, Any]) -> Code:
    """Code that the agent fetches from an address that the function's owner has chosen."""
    if code.get("url") is not None:
        return UrlPackage(code["url"], code.get("sha256", ""))
    if code.get("s3Bucket") is not None:
        version = code.get("s3ObjectVersion") or ""
        return S3Package(code["s3Bucket"], code.get("s3Key", ""), version)
    return NO_CODE


def _find_image_handler(status: FunctionStatus) -> str:
    """The first word of the command that is run of an image (spec/lambda.md section 6.4)."""
    command = status.image.command if status.image is not None else ()
    return command[0] if command else ""


def build_layers(
    references: Sequence[Mapping[str, Any]], remembered: Sequence[LayerEntry]
) -> tuple[Layer, ...]:
    """The layers that a function names; ``LayerRegistry.complete`` adds their contents.

    ``remembered`` is status.layers: the contents that the function had before.
    """
    known = {(entry.name, entry.version): _recall_layer(entry) for entry in remembered}
    return tuple(
        known.get((reference["name"], reference["version"]))
        or Layer(reference["name"], reference["version"])
        for reference in references
    )


def _recall_layer(remembered: LayerEntry) -> Layer | None:
    """A layer from its entry of status.layers; None if the entry says too little.

    Content that was fetched by URL, or that stood in the LambdaLayer, becomes a package of the same
    SHA-256: a URL may be a credential, so only the LambdaLayer itself holds it.
    """
    digest = from_code_sha256(remembered.code_sha256)
    content: Code
    if remembered.s3_bucket:
        content = S3Package(remembered.s3_bucket, remembered.s3_key, remembered.s3_object_version)
    elif digest:
        content = UploadedPackage(digest)
    else:
        return None
    return Layer(
        remembered.name,
        remembered.version,
        digest,
        content,
        remembered=True,
        fetched=bool(remembered.fetched_from),
    )


def _find_stalled(conditions: Mapping[str, Condition]) -> Condition | None:
    """The condition that says why requests, or some of them, get no environment; None without one.

    Stalled comes first. A Ready function may lack room for more environments; then the reason of
    any of its conditions says so.
    """
    if _is_true(conditions, STALLED):
        return conditions[STALLED]
    return next(
        (condition for condition in conditions.values() if condition.reason in CAPACITY_REASONS),
        None,
    )


def _classify_stall(reason: str) -> Stall:
    if reason in CAPACITY_REASONS:
        return Stall.NO_ROOM
    return Stall.CANNOT_START if reason in START_REASONS else Stall.CANNOT_RUN


def _find_current_conditions(status: FunctionStatus, generation: int) -> Mapping[str, Condition]:
    """Conditions by type; none if the status is older than the spec: it may be mended by now."""
    return {} if (status.observed_generation or 0) < generation else status.conditions


def _is_true(conditions: Mapping[str, Condition], name: str) -> bool:
    """Whether the condition is there and true."""
    found = conditions.get(name)
    return found is not None and found.is_true
