"""What a write makes of an object: the rules that an API server has for custom resources.

Contract: pure; moment and uid come in. The resource version is not decided here. Manifests are not
changed in place.
"""

from collections.abc import Mapping
from typing import Any

from kubelambda.api.admission import RefusedError, admit
from kubelambda.api.kinds import Kind
from kubelambda.objects.errors import ConflictError, InvalidError
from kubelambda.objects.port import Manifest

_EDITABLE = ("labels", "annotations", "ownerReferences", "finalizers")


def build_new(
    kind: Kind, namespace: str | None, manifest: Mapping[str, Any], *, uid: str, now: str
) -> Manifest:
    """The object that a create makes; InvalidError."""
    metadata = manifest["metadata"]
    if metadata.get("resourceVersion"):
        raise InvalidError(f"{kind.name}: resourceVersion stands in an object to be created")
    written = {key: value for key, value in manifest.items() if key != "status"}
    built = _admit(kind, {**written, "metadata": _place(metadata, namespace)}, None)
    identity = {"name": metadata["name"], "uid": uid, "creationTimestamp": now}
    if namespace is not None:
        identity["namespace"] = namespace
    if kind.has_status:
        identity["generation"] = 1
    built["metadata"] = identity | _pick_editable(metadata)
    return built


def build_updated(kind: Kind, live: Manifest, manifest: Mapping[str, Any]) -> Manifest:
    """``live`` after an update by ``manifest``; InvalidError, ConflictError."""
    check_identity(live, manifest["metadata"])
    written = {key: value for key, value in manifest.items() if key != "status"}
    if "status" in live:
        written["status"] = live["status"]
    namespace = live["metadata"].get("namespace")
    written["metadata"] = _place(manifest["metadata"], namespace)
    built = _admit(kind, written, live)
    kept = {key: value for key, value in live["metadata"].items() if key not in _EDITABLE}
    built["metadata"] = kept | _pick_editable(manifest["metadata"])
    if kind.has_status and _pick_content(built) != _pick_content(live):
        built["metadata"]["generation"] += 1
    return built


def build_status_updated(kind: Kind, live: Manifest, manifest: Mapping[str, Any]) -> Manifest:
    """``live`` with the status of ``manifest``; InvalidError, ConflictError."""
    check_identity(live, manifest["metadata"])
    written = {**live, "status": manifest.get("status") or {}}
    return {**_admit(kind, written, live), "metadata": live["metadata"]}


def check_identity(live: Manifest, wanted: Mapping[str, Any]) -> None:
    """ConflictError if ``live`` is another object or version than ``wanted`` names."""
    metadata = live["metadata"]
    for field in ("uid", "resourceVersion"):
        if wanted.get(field) and wanted[field] != metadata[field]:
            raise ConflictError(
                f"{live['kind']} {metadata['name']!r} has changed since it was read; "
                f"its {field} is another one now"
            )


def _admit(kind: Kind, manifest: Mapping[str, Any], live: Manifest | None) -> Manifest:
    try:
        return admit(kind, manifest, live)
    except RefusedError as error:
        name = manifest["metadata"].get("name")
        raise InvalidError(f"{kind.name} {name!r} is invalid: {error}", error.causes) from error


def _place(metadata: Mapping[str, Any], namespace: str | None) -> dict[str, Any]:
    return {**metadata, "namespace": namespace} if namespace is not None else dict(metadata)


def _pick_editable(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a caller decides of metadata; what is empty is absent."""
    return {key: metadata[key] for key in _EDITABLE if metadata.get(key)}


def _pick_content(manifest: Manifest) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in ("metadata", "status")}
