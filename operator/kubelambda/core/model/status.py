"""The status of our kinds of objects, read into values.

Contract: pure; never raises. Somebody's edit or a former release may have written anything into a
status. A field without the type and shape that the controller itself gives it is read as absent, so
the controller rewrites it. What the controller never writes is passed over and left alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.core.model.field_types import (
    has_optional_texts,
    is_list_of_texts,
    is_number,
    is_text,
)

READY = "Ready"
STALLED = "Stalled"
_TRUE = "True"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; ``status`` is "True", "False" or "Unknown"."""

    type: str
    status: str
    last_transition_time: str
    """Empty if somebody else wrote the condition and left it out; the CRD allows that."""
    reason: str = ""
    message: str = ""

    @property
    def is_true(self) -> bool:
        """Whether it holds."""
        return self.status == _TRUE


@dataclass(frozen=True, slots=True)
class ImageStatus:
    """``status.imageConfig``: what the image of a function was found to be, and what is run."""

    digest: str
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    working_directory: str
    observed_generation: int
    """The generation of the spec that named the image."""


@dataclass(frozen=True, slots=True)
class LayerEntry:
    """One entry of ``status.layers``: the layer version with which a function was last rendered."""

    name: str
    version: int
    code_sha256: str = ""
    """Base64, as AWS writes it; empty for content of S3."""
    fetched_from: str = ""
    """``S3`` or ``URL`` if its environments fetch it from there, else empty."""
    s3_bucket: str = ""
    s3_key: str = ""
    s3_object_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStatus:
    """What the status of every kind has."""

    observed_generation: int | None = None
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    """By type."""
    written: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The fields as they came, without those that were read as absent: to be compared
    with what is to be written."""

    def is_ready(self, generation: int) -> bool:
        """Whether it says Ready of just this generation of the spec."""
        ready = self.conditions.get(READY)
        return self.observed_generation == generation and ready is not None and ready.is_true

    def says(self, wanted: Mapping[str, Any]) -> bool:
        """Whether every field of ``wanted`` is written already; None stands for an absent field."""
        return all(self.written.get(name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionStatus(ObjectStatus):
    """The status of a LambdaFunction; a text that is absent is empty."""

    revision: str = ""
    key_secret_name: str = ""
    code_sha256: str = ""
    resolved_image_uri: str = ""
    image: ImageStatus | None = None
    layers: tuple[LayerEntry, ...] | None = None
    """None if the status has no such field."""
    last_version: int = 0
    """The highest number that a version of the function has had."""
    last_update_status: str = ""


NO_STATUS = FunctionStatus()


def read_function_status(status: Any) -> FunctionStatus:
    """``status`` of a LambdaFunction, or of a LambdaVersion, as it comes over the wire."""
    fields = _keep_well_formed(status, _FUNCTION_FIELDS)
    layers = fields.get("layers")
    return FunctionStatus(
        observed_generation=fields.get("observedGeneration"),
        conditions=_read_conditions(fields),
        written=fields,
        revision=fields.get("revision", ""),
        key_secret_name=fields.get("keySecretName", ""),
        code_sha256=fields.get("codeSha256", ""),
        resolved_image_uri=fields.get("resolvedImageUri", ""),
        image=_read_image(fields.get("imageConfig")),
        layers=tuple(map(_read_layer, layers)) if layers is not None else None,
        last_version=fields.get("lastVersion", 0),
        last_update_status=fields.get("lastUpdateStatus", ""),
    )


def read_object_status(status: Any) -> ObjectStatus:
    """``status`` of a LambdaRuntime as it comes over the wire: what every kind has."""
    return _read_common(status, _COMMON_FIELDS)


def read_layer_status(status: Any) -> ObjectStatus:
    """``status`` of a LambdaLayer as it comes over the wire; nobody reads its other fields."""
    return _read_common(status, _LAYER_FIELDS)


def read_alias_status(status: Any) -> ObjectStatus:
    """``status`` of a LambdaAlias as it comes over the wire; nobody reads its other fields."""
    return _read_common(status, _ALIAS_FIELDS)


def _read_common(status: Any, checks: Mapping[str, Callable[[Any], bool]]) -> ObjectStatus:
    fields = _keep_well_formed(status, checks)
    return ObjectStatus(
        observed_generation=fields.get("observedGeneration"),
        conditions=_read_conditions(fields),
        written=fields,
    )


def _keep_well_formed(
    status: Any, checks: Mapping[str, Callable[[Any], bool]]
) -> Mapping[str, Any]:
    if not isinstance(status, Mapping):
        return {}
    return {
        name: value for name, value in status.items() if name not in checks or checks[name](value)
    }


def _read_conditions(fields: Mapping[str, Any]) -> Mapping[str, Condition]:
    return {
        condition["type"]: Condition(
            type=condition["type"],
            status=condition["status"],
            last_transition_time=condition.get("lastTransitionTime", ""),
            reason=condition.get("reason", ""),
            message=condition.get("message", ""),
        )
        for condition in fields.get("conditions", ())
    }


def _read_image(config: Mapping[str, Any] | None) -> ImageStatus | None:
    if config is None:
        return None
    return ImageStatus(
        digest=config["digest"],
        entry_point=tuple(config["entryPoint"]),
        command=tuple(config["command"]),
        working_directory=config["workingDirectory"],
        observed_generation=config["observedGeneration"],
    )


def _read_layer(entry: Mapping[str, Any]) -> LayerEntry:
    return LayerEntry(
        name=entry["name"],
        version=entry["version"],
        code_sha256=entry.get("codeSha256", ""),
        fetched_from=entry.get("fetchedFrom", ""),
        s3_bucket=entry.get("s3Bucket", ""),
        s3_key=entry.get("s3Key", ""),
        s3_object_version=entry.get("s3ObjectVersion", ""),
    )


def _is_condition(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and all(is_text(value.get(key)) for key in ("type", "status"))
        and has_optional_texts(value, "reason", "message", "lastTransitionTime")
    )


def _is_layer_entry(value: Any) -> bool:
    optional = ("arn", "codeSha256", "fetchedFrom", "s3Bucket", "s3Key", "s3ObjectVersion")
    return (
        isinstance(value, Mapping)
        and is_text(value.get("name"))
        and is_number(value.get("version"))
        and has_optional_texts(value, *optional)
    )


def _is_image_config(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and is_list_of_texts(value.get("entryPoint"))
        and is_list_of_texts(value.get("command"))
        and is_text(value.get("workingDirectory"))
        and is_text(value.get("digest"))
        and is_number(value.get("observedGeneration"))
    )


def _are_conditions(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_condition, value))


def _are_layer_entries(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_layer_entry, value))


_COMMON_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "conditions": _are_conditions,
    "observedGeneration": is_number,
}
_FUNCTION_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "codeSha256": is_text,
    "conditions": _are_conditions,
    "imageConfig": _is_image_config,
    "functionArn": is_text,
    "keySecretName": is_text,
    "lastUpdateStatus": is_text,
    "lastUpdateStatusReason": is_text,
    "lastVersion": is_number,
    "layers": _are_layer_entries,
    "observedGeneration": is_number,
    "resolvedImageUri": is_text,
    "revision": is_text,
    "revisionId": is_text,
    "runtimeImage": is_text,
    "version": is_number,
    "versionCount": is_number,
}
_ALIAS_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "aliasArn": is_text,
    "aliasName": is_text,
    "conditions": _are_conditions,
    "observedGeneration": is_number,
    "revisionId": is_text,
}
_LAYER_FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "codeSha256": is_text,
    "codeSize": is_number,
    "conditions": _are_conditions,
    "layerName": is_text,
    "layerVersionArn": is_text,
    "observedGeneration": is_number,
}
