"""The objects of the API server in memory, and the rules of a write to one of them.

Contract: no I/O and no clock of its own. Manifests are copied on their way in and out. Every write
that changes something gets the next resourceVersion; one that changes nothing leaves the object,
its version included, as it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelambda.api.kinds import KINDS
from kubelambda.kube.api import Manifest
from kubelambda.kube.errors import AlreadyExistsError, ConflictError, InvalidError, NotFoundError
from kubelambda.kube.memory.copies import copy_value
from kubelambda.kube.memory.defaults import add_defaults
from kubelambda.kube.memory.fields import (
    Path,
    build_tree,
    list_leaves,
    merge_applied,
    remove_paths,
)
from kubelambda.kube.paths import (
    DEPLOYMENTS,
    NETWORK_POLICIES,
    PODS,
    Resource,
    resource_of,
)

ObjectKey = tuple[Resource, str, str]
"""Kind, namespace (empty for a cluster-scoped object) and name."""
Writer = tuple[str, str, str]
"""Field manager, operation (Update or Apply) and subresource, as in ``managedFields``."""

_OURS = tuple(resource_of(kind.name) for kind in KINDS)
_WITH_STATUS = (DEPLOYMENTS, PODS, *_OURS)
_WITH_GENERATION = (*_WITH_STATUS, NETWORK_POLICIES)
_IDENTITY = ("uid", "creationTimestamp", "namespace", "name", "deletionTimestamp")


@dataclass(slots=True)
class _Entry:
    manifest: Manifest
    owners: dict[Writer, set[Path]] = field(default_factory=dict)


class StoredObjects:
    """Every object by its key; ``changed`` is called after each write."""

    def __init__(
        self, format_now: Callable[[], str], changed: Callable[[str, Resource, Manifest], None]
    ) -> None:
        self._entries: dict[ObjectKey, _Entry] = {}
        self.admit: Callable[[Resource, Manifest], None] = lambda resource, manifest: None
        """Changes what is about to be written, as an admission webhook does."""
        self.judge: Callable[[Resource, Manifest, Manifest | None], Manifest] = (
            lambda _resource, manifest, _former: manifest
        )
        """Gives what is about to be written with its defaults, or raises InvalidError."""
        self._format_now = format_now
        self._changed = changed
        self._version = 0
        self._uids = 0

    @property
    def version(self) -> str:
        """The newest resourceVersion."""
        return str(self._version)

    def __contains__(self, key: ObjectKey) -> bool:
        return key in self._entries

    def list_keys(self) -> list[ObjectKey]:
        """Of all objects, ordered by kind, namespace and name."""
        return sorted(self._entries, key=lambda key: (key[0].plural, key[1], key[2]))

    def get(self, key: ObjectKey) -> Manifest:
        """A copy; NotFoundError if there is nothing."""
        entry = self._find(key)
        manifest = copy_value(entry.manifest)
        manifest["metadata"]["managedFields"] = [
            {
                "manager": manager,
                "operation": operation,
                **({"subresource": subresource} if subresource else {}),
                "fieldsType": "FieldsV1",
                "fieldsV1": build_tree(paths),
            }
            for (manager, operation, subresource), paths in entry.owners.items()
            if paths
        ]
        return manifest

    def create(self, key: ObjectKey, manifest: Manifest, writer: Writer) -> Manifest:
        """Put a new object; AlreadyExistsError if the name is taken."""
        resource, namespace, name = key
        created = copy_value(manifest)
        if resource in _WITH_STATUS:
            created.pop("status", None)
        created |= {"apiVersion": resource.api_version, "kind": resource.kind}
        metadata = created.setdefault("metadata", {})
        _tidy(metadata)
        metadata |= {"name": name, "uid": f"uid-{self._uids + 1}"}
        metadata["creationTimestamp"] = self._format_now()
        if namespace:
            metadata["namespace"] = namespace
        if resource in _WITH_GENERATION:
            metadata["generation"] = 1
        add_defaults(resource, created)
        self.admit(resource, created)
        created = self.judge(resource, created, None)
        if key in self._entries:
            raise AlreadyExistsError(
                f'{resource.plural} "{name}" already exists', status=409, reason="AlreadyExists"
            )
        self._uids += 1
        entry = self._entries[key] = _Entry(created)
        entry.owners[writer] = set(list_leaves(manifest if writer[1] == "Apply" else created))
        self._stamp(entry)
        return self._tell("ADDED", key)

    def update(
        self, key: ObjectKey, written: Manifest, writer: Writer, applied: Manifest | None = None
    ) -> Manifest:
        """Replace the object by ``written``; ``applied`` is the manifest that an apply has sent."""
        resource, entry = key[0], self._find(key)
        former = entry.manifest
        written = self._keep(resource, former, copy_value(written), writer[2])
        if applied is not None:
            self._drop_unsaid(entry, written, applied, writer)
        add_defaults(resource, written)
        self.admit(resource, written)
        written = self.judge(resource, written, former)
        _check_immutable(resource, former, written)
        before, after = list_leaves(former), list_leaves(written)
        differing = {path for path, value in after.items() if before.get(path, ...) != value}
        for owner, paths in entry.owners.items():
            paths.intersection_update(after)
            if owner != writer:
                paths.difference_update(differing)
        owned = entry.owners.setdefault(writer, set())
        owned |= differing if applied is None else set(list_leaves(applied)) & after.keys()
        if written == former:
            return self.get(key)
        if resource in _WITH_GENERATION and _pick_spec(written) != _pick_spec(former):
            written["metadata"]["generation"] += 1
        entry.manifest = written
        self._stamp(entry)
        return self._tell("MODIFIED", key)

    def apply(self, key: ObjectKey, manifest: Manifest, manager: str) -> Manifest:
        """Server-side apply with force."""
        writer = (manager, "Apply", "")
        if key not in self._entries:
            return self.create(key, manifest, writer)
        applied = copy_value(manifest)
        merged = merge_applied(self._find(key).manifest, applied)
        return self.update(key, merged, writer, applied)

    def delete(self, key: ObjectKey, *, gracefully: bool) -> None:
        """Remove the object; a graceful deletion only marks one with a finalizer or on a node."""
        resource, metadata = key[0], self._find(key).manifest["metadata"]
        on_node = resource == PODS and self._find(key).manifest["spec"].get("nodeName")
        if gracefully and (on_node or metadata.get("finalizers")):
            if "deletionTimestamp" not in metadata:
                metadata["deletionTimestamp"] = self._format_now()
                self._stamp(self._find(key))
                self._tell("MODIFIED", key)
            return
        self._stamp(self._find(key))
        last = self.get(key)
        del self._entries[key]
        self._changed("DELETED", key[0], last)

    def check(self, key: ObjectKey, *, uid: str = "", version: str = "") -> None:
        """ConflictError if the object has another uid or resourceVersion than is given."""
        metadata = self._find(key).manifest["metadata"]
        for what, wanted, found in (
            ("UID", uid, metadata["uid"]),
            ("ResourceVersion", version, metadata["resourceVersion"]),
        ):
            if wanted and wanted != found:
                raise ConflictError(
                    f"Precondition failed: {what} in precondition: {wanted}, {what} in object "
                    f"meta: {found}",
                    status=409,
                    reason="Conflict",
                )

    def _find(self, key: ObjectKey) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            raise NotFoundError(
                f'{key[0].plural} "{key[2]}" not found', status=404, reason="NotFound"
            )
        return entry

    def _keep(
        self, resource: Resource, former: Manifest, written: Manifest, subresource: str
    ) -> Manifest:
        """``written``, with the former value of everything that such a write cannot change."""
        if subresource == "status":
            written = {**copy_value(former), "status": written.get("status", {})}
        elif resource in _WITH_STATUS:
            written["status"] = copy_value(former.get("status"))
            if written["status"] is None:
                del written["status"]
        metadata = written["metadata"]
        for key in (*_IDENTITY, "resourceVersion", "generation"):
            if key in former["metadata"]:
                metadata[key] = former["metadata"][key]
        _tidy(metadata)
        return written

    def _drop_unsaid(
        self, entry: _Entry, written: Manifest, applied: Manifest, writer: Writer
    ) -> None:
        """Remove what this manager applied before and now leaves out, unless others own it too."""
        unsaid = entry.owners.get(writer, set()) - list_leaves(applied).keys()
        others = set().union(*(paths for owner, paths in entry.owners.items() if owner != writer))
        remove_paths(written, sorted(unsaid - others))
        entry.owners[writer] = set()

    def _stamp(self, entry: _Entry) -> None:
        self._version += 1
        entry.manifest["metadata"]["resourceVersion"] = self.version

    def _tell(self, kind: str, key: ObjectKey) -> Manifest:
        self._changed(kind, key[0], self.get(key))
        told = self.get(key)
        metadata = told["metadata"]
        going = "deletionTimestamp" in metadata and not metadata.get("finalizers")
        if going and key[0] != PODS:  # its last finalizer has gone
            del self._entries[key]
            self._changed("DELETED", key[0], told)
        return told


def _tidy(metadata: dict[str, Any]) -> None:
    """Remove ``managedFields``, which answers compute anew, and what is empty."""
    metadata.pop("managedFields", None)
    for key in ("labels", "annotations", "ownerReferences", "finalizers"):
        if not metadata.get(key, ...):
            del metadata[key]


def _pick_spec(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in ("metadata", "status")}


def _check_immutable(resource: Resource, former: Manifest, written: Manifest) -> None:
    if resource == DEPLOYMENTS and former["spec"]["selector"] != written["spec"]["selector"]:
        raise InvalidError("spec.selector: field is immutable", status=422, reason="Invalid")
    if former.get("immutable") and former.get("data") != written.get("data"):
        raise InvalidError("data: field is immutable", status=422, reason="Invalid")
