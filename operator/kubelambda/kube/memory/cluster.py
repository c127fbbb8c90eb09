"""The cluster in memory, as everybody but the caller of the API under test changes and sees it.

Contract: nothing here is a request: no ordered failure applies, and nothing is recorded. A test
plays Kubernetes' own controllers, kubelets and people with ``seed``, ``edit`` and ``remove``.
"""

import itertools
from collections.abc import Callable

from kubelambda.core.model.moments import format_moment
from kubelambda.kube.api import MERGE_PATCH, Manifest
from kubelambda.kube.memory.history import History
from kubelambda.kube.memory.objects import ObjectKey, StoredObjects, Writer
from kubelambda.kube.memory.patches import patch
from kubelambda.kube.memory.schema import judge
from kubelambda.kube.memory.watches import Event, Watch
from kubelambda.kube.paths import Resource

_BEGAN_S = 1_767_225_600
KUBECTL = "kubectl-edit"
"""The field manager of a person's edit."""


class MemoryCluster:
    """All objects of one cluster; ``clock`` tells seconds since 1970."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        ticks = itertools.count(_BEGAN_S)
        self._clock = clock or (lambda: next(ticks))
        self._objects = StoredObjects(self._format_now, self._tell)
        self._watches: list[Watch] = []
        self._history = History()

    def subscribe(
        self,
        watcher: Callable[[Event], None],
        resource: Resource | None = None,
        label_selector: str = "",
    ) -> None:
        """Call ``watcher`` for every change from now on, within the write that makes it.

        An object that comes to match the selector is ADDED, one that ceases to is DELETED.
        """
        self._watches.append(Watch(watcher, resource, label_selector))

    def admit(self, webhook: Callable[[Resource, Manifest], None]) -> None:
        """Let ``webhook`` change every object that is about to be written."""
        self._objects.admit = webhook

    def hold_schemas(self) -> None:
        """Judge objects of our kinds from now on, and give them defaults, as our CRDs do."""
        self._objects.judge = judge

    def compact(self) -> None:
        """Forget what happened until now: a watch can only begin from a new list."""
        self._history.compact()

    def seed(self, resource: Resource, manifest: Manifest, manager: str = KUBECTL) -> Manifest:
        """Create an object together with its status, without a request."""
        created = self._objects.create(key_of(resource, manifest), manifest, update_by(manager))
        if manifest.get("status") and created.get("status") != manifest["status"]:
            key = key_of(resource, created)
            created = self._objects.update(
                key, {**created, "status": manifest["status"]}, (manager, "Update", "status")
            )
        return created

    def edit(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        change: Callable[[Manifest], object] | Manifest,
        *,
        manager: str = KUBECTL,
        subresource: str = "",
    ) -> Manifest:
        """Change an object by hand: with a merge patch, or by what ``change`` does to a copy."""
        key = (resource, namespace, name)
        edited = self._objects.get(key)
        if callable(change):
            change(edited)
        else:
            edited = patch(edited, change, MERGE_PATCH)
        return self._objects.update(key, edited, (manager, "Update", subresource))

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Remove the object at once, as a kubelet does at the end, or a forced deletion."""
        self._objects.delete((resource, namespace, name), gracefully=False)

    def find(self, resource: Resource, namespace: str, name: str) -> Manifest | None:
        """The object, or None, without a request."""
        key = (resource, namespace, name)
        return self._objects.get(key) if key in self._objects else None

    def find_all(self, resource: Resource, namespace: str | None = None) -> list[Manifest]:
        """The objects of a kind, in one namespace or all, without a request."""
        return [
            self._objects.get(key)
            for key in self._objects.list_keys()
            if key[0] == resource and namespace in (None, key[1])
        ]

    def collect_garbage(self) -> None:
        """Delete objects whose owners are all gone, as Kubernetes' garbage collector does."""
        while True:
            manifests = [(key, self._objects.get(key)) for key in self._objects.list_keys()]
            uids = {manifest["metadata"]["uid"] for _, manifest in manifests}
            orphans = [
                key
                for key, manifest in manifests
                if manifest["metadata"].get("ownerReferences")
                and "deletionTimestamp" not in manifest["metadata"]
                and not any(
                    owner["uid"] in uids for owner in manifest["metadata"]["ownerReferences"]
                )
            ]
            for key in orphans:
                self._objects.delete(key, gracefully=True)
            if not orphans:
                return

    def _format_now(self) -> str:
        return format_moment(self._clock())

    def _tell(self, kind: str, resource: Resource, manifest: Manifest) -> None:
        self._history.note(Event(kind, resource, manifest))
        for watch in self._watches:
            watch.tell(kind, resource, manifest)


def update_by(manager: str) -> Writer:
    """The writer of a plain write by ``manager``."""
    return (manager, "Update", "")


def key_of(resource: Resource, manifest: Manifest) -> ObjectKey:
    """The key of the object that ``manifest`` describes."""
    metadata = manifest["metadata"]
    return (resource, metadata.get("namespace", ""), metadata["name"])
