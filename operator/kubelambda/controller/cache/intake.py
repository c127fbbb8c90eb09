"""Takes events into the store, and enqueues the keys that have to be reconciled because of them.

Contract: no I/O; never raises, whatever an object says. An event that tells what the store knows
already, such as the echo of our own write, enqueues nothing. An object that cannot be read is
logged once and left out, and the others go on; one of our own kinds has a record that says so
(``records``). What is known of each kind is in ``kinds``; runtimes, which may also come from a
ConfigMap, are the exception.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from kubelambda.controller.cache.kinds import KIND_OF, Kind
from kubelambda.controller.cache.store import Store
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import (
    Key,
    WorkKey,
    publish_key,
    runtime_key,
    serving_key,
    version_key,
)
from kubelambda.controller.records.malformed import MALFORMED, check_metadata
from kubelambda.controller.records.runtime_record import find_runtime_name, read_runtime
from kubelambda.kube.paths import RUNTIMES
from kubelambda.kube.resources.labels import FUNCTION_UID

logger = logging.getLogger(__name__)

Manifest = Mapping[str, Any]


class Intake:
    """Takes events into the store and calls ``enqueue`` with each key that they affect."""

    def __init__(self, store: Store, enqueue: Callable[[WorkKey], None]) -> None:
        self._store = store
        self._enqueue = enqueue
        self._left_out: dict[tuple[str, Key], str] = {}

    def take(self, plural: str, manifest: Manifest) -> bool:
        """Remember the object as it is now; False if the store knows that already."""
        key = _find_key(manifest)
        if key is None or not (plural in KIND_OF or plural == RUNTIMES.plural):
            return False
        try:
            check_metadata(manifest)
            news = self._put(plural, manifest)
        except MALFORMED as error:
            # One malformed object must not stop the others, here or at the next start.
            self._leave_out(plural, key, error)
            return False
        self._left_out.pop((plural, key), None)
        return news

    def _put(self, plural: str, manifest: Manifest) -> bool:
        if plural == RUNTIMES.plural:
            return self._store.put_runtime(read_runtime(manifest))
        kind, metadata = KIND_OF[plural], manifest["metadata"]
        known = kind.table(self._store).get((metadata.get("namespace") or "", metadata["name"]))
        if known is not None and int(known.version) >= int(metadata["resourceVersion"]):
            return False  # as ``put`` would say, but without the cost of reading it
        return kind.put(self._store, manifest)

    def _leave_out(self, plural: str, key: Key, error: Exception) -> None:
        """Log it, and forget what was known of it, which is not true any more."""
        problem = f"{type(error).__name__}: {error}"
        if self._left_out.get((plural, key)) != problem:
            self._left_out[(plural, key)] = problem
            logger.error("%s %s cannot be read (%s); left out", plural, "/".join(key), problem)
        if plural != RUNTIMES.plural:  # its functions go on with what it was
            record = KIND_OF[plural].remove(self._store, key, "")
            if record is not None:
                self._enqueue_all(KIND_OF[plural], key, record)

    def drop(self, plural: str, manifest: Manifest) -> None:
        """Forget the object, which has left the watch, and enqueue what that affects.

        It was deleted, or has lost our label: then its function gives it the label again.
        """
        key = _find_key(manifest)
        if key is None:
            return
        self._left_out.pop((plural, key), None)
        kind, metadata = KIND_OF.get(plural), manifest["metadata"]
        if kind is None:
            if plural == RUNTIMES.plural:
                self._store.runtimes.pop(find_runtime_name(manifest), None)
            self.enqueue_affected(plural, manifest)
        elif self._is_known(kind, key, metadata.get("uid")):
            self._note_unwatched(kind, key, metadata)
            version = str(metadata.get("resourceVersion"))
            self._enqueue_all(kind, key, kind.remove(self._store, key, version))
        else:
            self.enqueue_affected(plural, manifest)

    def _is_known(self, kind: Kind, key: Key, uid: object) -> bool:
        """Whether it is this very object that the store holds, not one made after it."""
        record = kind.table(self._store).get(key)
        return record is not None and uid in (None, record.uid)

    def _note_unwatched(self, kind: Kind, key: Key, metadata: Mapping[str, Any]) -> None:
        """Have its function look whether this Deployment or pod is there all the same."""
        record = kind.table(self._store).get(key)
        if not kind.is_ours or record is None:
            return
        if self._store.key_of_uid(record.function_uid) is None:
            return
        is_going = "deletionTimestamp" in metadata or getattr(record, "terminating", False)
        if not is_going:
            self._store.note_unwatched(record.function_uid, kind.resource, key, record.uid)

    def drop_missing(self, plural: str, key: Key) -> None:
        """Forget an object whose deletion no watch has told of, and enqueue what that affects."""
        self.drop(plural, {"metadata": {"namespace": key[0], "name": key[1]}})

    def enqueue_affected(self, plural: str, manifest: Manifest) -> None:
        """Enqueue whatever has to be reconciled because of this object."""
        key = _find_key(manifest)
        if key is None:
            return
        if plural == RUNTIMES.plural:
            name = find_runtime_name(manifest)
            self.enqueue_status_of(name)
            self.enqueue_runtime(name)
            return
        kind = KIND_OF.get(plural)
        if kind is None:
            return
        record = kind.table(self._store).get(key)
        if record is None and kind.is_ours:
            self._enqueue_labelled(manifest["metadata"])
        else:
            self._enqueue_all(kind, key, record)

    def enqueue_runtime(self, runtime: str) -> None:
        """Enqueue what has this runtime, and whatever has one that is not known."""
        for function in self._store.list_serving():
            if function.runtime == runtime or function.runtime not in self._store.runtimes:
                self._enqueue(serving_key(*function.ref))

    def enqueue_status_of(self, runtime: str) -> None:
        """Enqueue a runtime itself, whose status depends on the day."""
        self._enqueue(runtime_key(runtime))

    def enqueue_publication(self, function: FunctionRecord) -> None:
        """Enqueue what waits for ``function``, which was judged, to be published."""
        if function.publish:
            self._enqueue(publish_key(*function.ref))
        for version in self._store.versions_of(function):
            if version.published is None:
                self._enqueue(version_key(*version.key))

    def _enqueue_all(self, kind: Kind, key: Key, record: Any) -> None:
        for affected in kind.affected(self._store, key, record):
            self._enqueue(affected)

    def _enqueue_labelled(self, metadata: Mapping[str, Any]) -> None:
        """Enqueue what a Deployment or pod that is not known says it belongs to."""
        own = metadata.get("labels")
        uid = own.get(FUNCTION_UID) if isinstance(own, Mapping) else None
        owner = self._store.key_of_uid(uid) if isinstance(uid, str) else None
        if owner is not None:
            self._enqueue(serving_key(*owner))


def _find_key(manifest: Manifest) -> Key | None:
    """Namespace and name; None for something that no API server sends."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    namespace, name = metadata.get("namespace") or "", metadata.get("name")
    return (namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None
