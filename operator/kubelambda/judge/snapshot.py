"""The snapshot of a published version: a copy of a function's configuration that stays as it is.

Contract: pure. Whatever the spec only names is pinned: an image's tag becomes the digest that it
had, and what stands in ConfigMaps is copied into ConfigMaps of the version's own, whose names end
in a digest of what they hold. Packages, URLs with a SHA-256 and layer versions never change. What
stands in Secrets is read when an environment starts: the controller may not read Secrets. Source:
spec/lambda.md section 7.2.
"""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubelambda.api.v1alpha1.configuration import FunctionConfiguration
from kubelambda.api.v1alpha1.reason import Reason
from kubelambda.core.model.status import FunctionStatus
from kubelambda.judge.problem import Problem

NAME_MAX = 253
DIGEST_CHARS = 16
_FIELDS = frozenset(
    field.alias or name for name, field in FunctionConfiguration.model_fields.items()
)

ConfigMaps = Mapping[str, Mapping[str, Any] | None]
"""ConfigMaps of the namespace as manifests, by name; None for one that is not there."""


@dataclass(frozen=True, slots=True)
class ConfigMapCopy:
    """A ConfigMap that the version is to own; ``name`` ends in a digest of what it holds."""

    name: str
    data: Mapping[str, str] = field(default_factory=dict, repr=False)
    binary_data: Mapping[str, str] = field(default_factory=dict, repr=False)
    """In base64."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What ``spec.snapshot`` is to be, and the ConfigMaps that have to exist before."""

    configuration: dict[str, Any] = field(repr=False)
    copies: tuple[ConfigMapCopy, ...] = ()


class _UnpinnedError(Exception):
    """Something can change under the version; the message says what to do."""


def list_config_maps(spec: Mapping[str, Any]) -> list[str]:
    """Names of the ConfigMaps that ``build_snapshot`` wants for the ``spec`` of a function."""
    code = spec.get("code") or {}
    names = [(code.get("configMapRef") or {}).get("name", "")]
    references = (value.get("configMapKeyRef") for value in _list_values(spec))
    names += [reference["name"] for reference in references if reference]
    return [name for name in dict.fromkeys(names) if name]


def list_secrets(configuration: Mapping[str, Any]) -> list[str]:
    """Names of the Secrets that variables of a function or of a version come from."""
    references = (value.get("secretKeyRef") for value in _list_values(configuration))
    return list(dict.fromkeys(reference["name"] for reference in references if reference))


def build_snapshot(
    spec: Mapping[str, Any], status: FunctionStatus, config_maps: ConfigMaps, owner: str
) -> Snapshot | Problem:
    """The snapshot of a function that is Ready; a Problem if something cannot be pinned.

    ``owner`` is what names of copies begin with: unique to the version's object, a DNS name.
    """
    configuration = {key: copy.deepcopy(spec[key]) for key in spec if key in _FIELDS}
    try:
        code = _pin_code(configuration, status, config_maps, owner)
        values = _pin_values(configuration, config_maps, owner)
    except _UnpinnedError as error:
        return Problem(Reason.NOT_PINNED, str(error))
    return Snapshot(configuration, tuple(found for found in (code, values) if found is not None))


def digest_snapshot(configuration: Mapping[str, Any]) -> str:
    """The same for two snapshots exactly if they are of the same code and configuration.

    Of a ConfigMap only the end of the name counts, which is a digest of what it holds; a default
    is the same as the absence of the field.
    """
    normal = copy.deepcopy(_add_defaults(configuration))
    code = normal.get("code") or {}
    if code.get("configMapRef"):
        code["configMapRef"] = code["configMapRef"]["name"][-DIGEST_CHARS:]
    for value in _list_values(normal):
        if value.get("configMapKeyRef"):
            reference = value["configMapKeyRef"]
            value["configMapKeyRef"] = [reference["name"][-DIGEST_CHARS:], reference["key"]]
    return _digest(normal)


def _add_defaults(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        model = FunctionConfiguration.model_validate(configuration)
    except ValueError:
        return configuration  # of a newer release
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _pin_code(
    configuration: dict[str, Any], status: FunctionStatus, config_maps: ConfigMaps, owner: str
) -> ConfigMapCopy | None:
    code = configuration.get("code") or {}
    if code.get("imageURI"):
        if not status.resolved_image_uri:
            raise _UnpinnedError("the image of code.imageURI has not been looked up")
        code["imageURI"] = status.resolved_image_uri
    if code.get("s3Bucket") and not code.get("s3ObjectVersion"):
        raise _UnpinnedError(
            f"the object {code.get('s3Key')!r} of the bucket {code['s3Bucket']!r} could be "
            "replaced, so a version could not keep its code; name its version in "
            "code.s3ObjectVersion (the bucket needs versioning), or use url with sha256, or "
            "code.package"
        )
    if not code.get("configMapRef"):
        return None
    name = code["configMapRef"]["name"]
    found = config_maps.get(name)
    data, binary = _read_data(found, "data"), _read_data(found, "binaryData")
    if not data and not binary:
        raise _UnpinnedError(f"the ConfigMap {name!r} of code.configMapRef is not there, or empty")
    copied = ConfigMapCopy(_name_copy(owner, "code", [data, binary]), data, binary)
    code["configMapRef"] = {"name": copied.name}
    return copied


def _pin_values(
    configuration: dict[str, Any], config_maps: ConfigMaps, owner: str
) -> ConfigMapCopy | None:
    """One copy for the values of all variables, each under its variable's name."""
    data: dict[str, str] = {}
    kept: list[dict[str, Any]] = []
    for value in _list_values(configuration):
        reference = value.get("configMapKeyRef")
        text = _find_value(value["name"], reference, config_maps) if reference else ""
        if text is None:
            continue  # optional, and not there: so it stays
        if reference:
            data[value["name"]] = text
        kept.append(value)
    if _list_values(configuration):
        configuration["environment"]["valuesFrom"] = kept
    if not data:
        return None
    copied = ConfigMapCopy(_name_copy(owner, "values", data), data)
    for value in kept:
        if value.get("configMapKeyRef"):
            value["configMapKeyRef"] = {"name": copied.name, "key": value["name"]}
    return copied


def _find_value(variable: str, reference: Mapping[str, Any], config_maps: ConfigMaps) -> str | None:
    """The text that the variable has; None if it is optional and absent."""
    name, key = reference["name"], reference["key"]
    text = _read_data(config_maps.get(name), "data").get(key)
    if text is None and not reference.get("optional"):
        raise _UnpinnedError(
            f"the variable {variable} comes from the key {key!r} of the ConfigMap {name!r}, which "
            "is not there; create it, or make the reference optional"
        )
    return text


def _list_values(configuration: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return (configuration.get("environment") or {}).get("valuesFrom") or ()


def _read_data(config_map: Mapping[str, Any] | None, name: str) -> dict[str, str]:
    return dict((config_map or {}).get(name) or {})


def _name_copy(owner: str, what: str, content: Any) -> str:
    end = f"-{what}-{_digest(content)}"
    return owner.replace(".", "-")[: NAME_MAX - len(end)].rstrip("-") + end


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARS]
