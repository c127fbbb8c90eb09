"""Watches of the API server in memory, with their label selectors.

Contract: no I/O. A watcher is called within the write that it is told of.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from kubelambda.kube.api import Manifest
from kubelambda.kube.memory.selectors import matches
from kubelambda.kube.paths import Resource


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a watch: ADDED, MODIFIED or DELETED, and the object."""

    type: str
    resource: Resource
    manifest: Manifest = field(repr=False)


@dataclass(slots=True)
class Watch:
    """One watcher, and the uids of the objects that it knows of."""

    watcher: Callable[[Event], None]
    resource: Resource | None
    label_selector: str
    known: set[str] = field(default_factory=set)

    def tell(self, kind: str, resource: Resource, manifest: Manifest) -> None:
        """Call the watcher if the selector takes the object, or took it until this change."""
        metadata = manifest["metadata"]
        if self.resource not in (None, resource):
            return
        was_known, uid = metadata["uid"] in self.known, metadata["uid"]
        selected = matches(self.label_selector, metadata.get("labels") or {})
        if kind == "DELETED" or not selected:
            self.known.discard(uid)
            if was_known or (kind == "DELETED" and selected):
                self.watcher(Event("DELETED", resource, manifest))
            return
        self.known.add(uid)
        self.watcher(Event(kind if was_known else "ADDED", resource, manifest))
