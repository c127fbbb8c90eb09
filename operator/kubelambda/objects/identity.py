"""Which object a request means: what all drivers check before they ask anybody.

Contract: pure. Namespaced objects that name no namespace are in ``default``, as for kubectl.
"""

from collections.abc import Mapping
from typing import Any

from kubelambda.api.admission import Cause
from kubelambda.api.findings import find_similar
from kubelambda.api.kinds import BY_NAME, Kind
from kubelambda.objects.errors import InvalidError, UnknownKindError

DEFAULT_NAMESPACE = "default"


def find_kind(name: str) -> Kind:
    """The descriptor; UnknownKindError."""
    kind = BY_NAME.get(name)
    if kind is not None:
        return kind
    similar = find_similar(name, BY_NAME)
    hint = f"did you mean {similar}?" if similar else f"there are {', '.join(BY_NAME)}"
    message = f"there is no kind {name!r} here; {hint}"
    raise UnknownKindError(message, [Cause("kind", message)])


def identify(manifest: Mapping[str, Any]) -> tuple[Kind, str | None, str]:
    """Kind, namespace and name of the object that ``manifest`` describes; InvalidError."""
    kind = find_kind(str(manifest.get("kind")))
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        raise _refuse(kind, "metadata", "must have fields of its own: name, namespace and others")
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise _refuse(kind, "metadata.name", "is missing")
    namespace = metadata.get("namespace")
    if not kind.is_namespaced:
        if namespace:
            raise _refuse(kind, "metadata.namespace", f"a {kind.name} is in no namespace")
        return kind, None, name
    if namespace is not None and not isinstance(namespace, str):
        raise _refuse(kind, "metadata.namespace", "must be text")
    return kind, namespace or DEFAULT_NAMESPACE, name


def require_status(kind: Kind) -> None:
    """InvalidError for a kind without a status."""
    if not kind.has_status:
        raise _refuse(kind, "status", "this kind has none")


def require_version(kind: Kind, manifest: Mapping[str, Any]) -> str:
    """The version that an update replaces; InvalidError without one."""
    version = manifest["metadata"].get("resourceVersion")
    if not isinstance(version, str) or not version:
        raise _refuse(kind, "metadata.resourceVersion", "must be specified for an update")
    return version


def _refuse(kind: Kind, field: str, message: str) -> InvalidError:
    cause = Cause(field, message)
    return InvalidError(f"{kind.name}: {cause}", [cause])
