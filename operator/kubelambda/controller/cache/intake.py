"""Takes events into the store, and enqueues the keys that have to be reconciled because of them.

Contract: no I/O; never raises, whatever an object says. An event that tells what the store knows
already, such as the echo of our own write, enqueues nothing. An object that cannot be read is
logged once and left out, and the others go on; one of our own kinds has a record that says so
(``records``).
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from kubelambda.controller.cache.store import Store
from kubelambda.controller.cache.table import Table
from kubelambda.controller.records.deployment_record import read_deployment
from kubelambda.controller.records.function_record import read_function
from kubelambda.controller.records.keys import (
    Key,
    WorkKey,
    function_key,
    layer_key,
    namespace_key,
    runtime_key,
)
from kubelambda.controller.records.layer_record import LayerRecord, read_layer
from kubelambda.controller.records.malformed import MALFORMED, check_metadata
from kubelambda.controller.records.pod_record import read_pod
from kubelambda.controller.records.policy_record import read_policy
from kubelambda.controller.records.runtime_record import find_runtime_name, read_runtime
from kubelambda.kube.paths import (
    DEPLOYMENTS,
    FUNCTIONS,
    LAYERS,
    NETWORK_POLICIES,
    PODS,
    RUNTIMES,
)
from kubelambda.kube.resources.labels import FUNCTION_UID

logger = logging.getLogger(__name__)

_OF_FUNCTIONS = {DEPLOYMENTS.plural: DEPLOYMENTS, PODS.plural: PODS}
Manifest = Mapping[str, Any]


class Intake:
    """Takes events into the store and calls ``enqueue`` with each key that they affect."""

    def __init__(self, store: Store, enqueue: Callable[[WorkKey], None]) -> None:
        self._store = store
        self._enqueue = enqueue
        self._left_out: dict[tuple[str, Key], str] = {}
        self._tables: dict[str, Table[Any]] = {
            FUNCTIONS.plural: store.functions,
            LAYERS.plural: store.layers,
            DEPLOYMENTS.plural: store.deployments,
            PODS.plural: store.pods,
            NETWORK_POLICIES.plural: store.policies,
        }
        self._takers: dict[str, Callable[[Manifest], bool]] = {
            FUNCTIONS.plural: lambda manifest: store.put_function(read_function(manifest)),
            LAYERS.plural: lambda manifest: store.put_layer(read_layer(manifest)),
            DEPLOYMENTS.plural: lambda manifest: store.put_deployment(read_deployment(manifest)),
            PODS.plural: lambda manifest: store.put_pod(read_pod(manifest)),
            NETWORK_POLICIES.plural: lambda manifest: store.put_policy(read_policy(manifest)),
            RUNTIMES.plural: lambda manifest: store.put_runtime(read_runtime(manifest)),
        }

    def take(self, plural: str, manifest: Manifest) -> bool:
        """Remember the object as it is now; False if the store knows that already."""
        taker, key = self._takers.get(plural), _find_key(manifest)
        if taker is None or key is None:
            return False
        try:
            check_metadata(manifest)
            news = taker(manifest)
        except MALFORMED as error:
            # One malformed object must not stop the others, here or at the next start.
            self._leave_out(plural, key, error)
            return False
        self._left_out.pop((plural, key), None)
        return news

    def _leave_out(self, plural: str, key: Key, error: Exception) -> None:
        """Log it, and forget what was known of it, which is not true any more."""
        problem = f"{type(error).__name__}: {error}"
        if self._left_out.get((plural, key)) != problem:
            self._left_out[(plural, key)] = problem
            logger.error("%s %s cannot be read (%s); left out", plural, "/".join(key), problem)
        if plural != RUNTIMES.plural:  # its functions go on with what it was
            self._forget(plural, key)

    def drop(self, plural: str, manifest: Manifest) -> None:
        """Forget the object, which has left the watch, and enqueue what that affects.

        It was deleted, or has lost our label: then its function gives it the label again.
        """
        key = _find_key(manifest)
        if key is None:
            return
        self._left_out.pop((plural, key), None)
        metadata = manifest["metadata"]
        if plural == RUNTIMES.plural:
            self._store.runtimes.pop(find_runtime_name(manifest), None)
        elif self._is_known(plural, key, metadata.get("uid")):
            self._note_unwatched(plural, key, metadata)
            self._forget(plural, key, str(metadata.get("resourceVersion")))
        self.enqueue_affected(plural, manifest)

    def _is_known(self, plural: str, key: Key, uid: object) -> bool:
        """Whether it is this very object that the store holds, not one made after it."""
        table = self._tables.get(plural)
        record = table.get(key) if table is not None else None
        return record is not None and uid in (None, record.uid)

    def _note_unwatched(self, plural: str, key: Key, metadata: Mapping[str, Any]) -> None:
        """Have its function look whether this Deployment or pod is there all the same."""
        resource, record = _OF_FUNCTIONS.get(plural), self._tables[plural].get(key)
        if resource is None or record is None:
            return
        owner = self._store.key_of_uid(record.function_uid)
        if owner is None:
            return
        self._enqueue(function_key(*owner))
        is_going = "deletionTimestamp" in metadata or getattr(record, "terminating", False)
        if not is_going:
            self._store.note_unwatched(record.function_uid, resource, key, record.uid)

    def _forget(self, plural: str, key: Key, version: str = "") -> None:
        if plural == FUNCTIONS.plural:
            self._enqueue_claimants(self._store.remove_function(key, version))
        elif plural == LAYERS.plural:
            self._enqueue_layer(self._store.layers.remove(key, version))
        else:
            self._tables[plural].remove(key, version)

    def drop_missing(self, plural: str, key: Key) -> None:
        """Forget an object whose deletion no watch has told of, and enqueue what that affects."""
        self.drop(plural, {"metadata": {"namespace": key[0], "name": key[1]}})

    def enqueue_affected(self, plural: str, manifest: Manifest) -> None:
        """Enqueue whatever has to be reconciled because of this object."""
        key = _find_key(manifest)
        if key is None:
            return
        namespace, name = key
        match plural:
            case FUNCTIONS.plural:
                self._enqueue(function_key(namespace, name))
                self._enqueue(namespace_key(namespace))
                self._enqueue_claimants(self._store.functions.get((namespace, name)))
            case LAYERS.plural:
                self._enqueue_layer(self._store.layers.get((namespace, name)))
            case DEPLOYMENTS.plural | PODS.plural:
                self._enqueue_owner(plural, key, manifest["metadata"])
            case NETWORK_POLICIES.plural:
                self._enqueue(namespace_key(namespace))
            case RUNTIMES.plural:
                name = find_runtime_name(manifest)
                self.enqueue_status_of(name)
                self.enqueue_runtime(name)

    def enqueue_runtime(self, runtime: str) -> None:
        """Enqueue every function of this runtime, and those whose runtime is not known."""
        for function in self._store.functions.values():
            if function.runtime == runtime or function.runtime not in self._store.runtimes:
                self._enqueue(function_key(function.ref.namespace, function.ref.name))

    def enqueue_status_of(self, runtime: str) -> None:
        """Enqueue a runtime itself, whose status depends on the day."""
        self._enqueue(runtime_key(runtime))

    def _enqueue_layer(self, record: LayerRecord | None) -> None:
        """Enqueue the objects that claim to be this layer version, and the functions with it."""
        if record is None:
            return
        for claimant in self._store.layer_claimants(record):
            self._enqueue(layer_key(*claimant.key))
        for user in self._store.users_of(record):
            self._enqueue(function_key(user.ref.namespace, user.ref.name))

    def _enqueue_owner(self, plural: str, key: Key, metadata: Mapping[str, Any]) -> None:
        record = self._tables[plural].get(key)
        own = metadata.get("labels")
        uid = own.get(FUNCTION_UID) if isinstance(own, Mapping) else None
        uid = record.function_uid if record is not None else uid
        owner = self._store.key_of_uid(uid) if isinstance(uid, str) else None
        if owner is not None:
            self._enqueue(function_key(*owner))

    def _enqueue_claimants(self, record: Any) -> None:
        if record is None:
            return
        for namesake in self._store.same_name(record):
            if namesake.ref != record.ref:
                self._enqueue(function_key(namesake.ref.namespace, namesake.ref.name))


def _find_key(manifest: Manifest) -> Key | None:
    """Namespace and name; None for something that no API server sends."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    namespace, name = metadata.get("namespace") or "", metadata.get("name")
    return (namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None
