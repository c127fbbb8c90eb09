"""kopf as the source of events: which objects are watched and what an event sets in motion.

Contract: kopf writes nothing here: no finalizer, no annotation, no Event, no peering; only
``event`` handlers exist. What an event tells that the store knows already, such as our own writes,
sets nothing in motion. An object that cannot be read is logged once and left out, and the others
go on; one of our own kinds has a record that says so (``records``). (``kopf.index`` as a barrier
before the first event costs 18 s and 60 MB at 1,000 functions, since every object waits for every
other: ``sync`` fills the store instead.)
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import kopf

from kubelambda.controller.cache.kept_records import read_deployment, read_policy
from kubelambda.controller.cache.layer_records import LayerRecord, read_layer
from kubelambda.controller.cache.pod_records import read_pod
from kubelambda.controller.cache.records import (
    Key,
    check_metadata,
    find_runtime_name,
    read_function,
    read_runtime,
)
from kubelambda.controller.cache.status_shape import CANNOT_BE_READ
from kubelambda.controller.cache.store import Store, Table
from kubelambda.kube.connection import Connection
from kubelambda.kube.paths import (
    DEPLOYMENTS,
    FUNCTIONS,
    LAYERS,
    NETWORK_POLICIES,
    PODS,
    RUNTIMES,
    Resource,
)
from kubelambda.kube.resources.labels import FUNCTION_UID, MANAGED_SELECTOR

logger = logging.getLogger(__name__)

PAGE_ITEMS = 20
SILENCE_S = 60.0
CREDENTIALS_S = 600.0
_SERVER_TIMEOUT_S = 50

_OF_FUNCTIONS = {DEPLOYMENTS.plural: DEPLOYMENTS, PODS.plural: PODS}

WorkKey = tuple[str, str, str]
Manifest = Mapping[str, Any]


def function_key(namespace: str, name: str) -> WorkKey:
    """The key under which a function is worked on."""
    return ("function", namespace, name)


def layer_key(namespace: str, name: str) -> WorkKey:
    """The key under which a layer version is worked on."""
    return ("layer", namespace, name)


def namespace_key(namespace: str) -> WorkKey:
    """The key under which a namespace's NetworkPolicy is worked on."""
    return ("namespace", namespace, "")


class Intake:
    """Takes events into the store and says which keys they concern."""

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
            FUNCTIONS.plural: lambda one: store.put_function(read_function(one)),
            LAYERS.plural: lambda one: store.put_layer(read_layer(one)),
            DEPLOYMENTS.plural: lambda one: store.put_deployment(read_deployment(one)),
            PODS.plural: lambda one: store.put_pod(read_pod(one)),
            NETWORK_POLICIES.plural: lambda one: store.put_policy(read_policy(one)),
            RUNTIMES.plural: lambda one: store.put_runtime(read_runtime(one)),
        }

    def take(self, plural: str, manifest: Manifest) -> bool:
        """Remember the object as it is now; False where that is nothing new."""
        taker, key = self._takers.get(plural), _find_key(manifest)
        if taker is None or key is None:
            return False
        try:
            check_metadata(manifest)
            news = taker(manifest)
        except CANNOT_BE_READ as error:
            # One odd object must not stop the others, here or at the next start.
            self._leave_out(plural, key, error)
            return False
        self._left_out.pop((plural, key), None)
        return news

    def _leave_out(self, plural: str, key: Key, error: Exception) -> None:
        """What is known of an object that cannot be read is not true any more."""
        problem = f"{type(error).__name__}: {error}"
        if self._left_out.get((plural, key)) != problem:
            self._left_out[(plural, key)] = problem
            logger.error("%s %s cannot be read (%s); left out", plural, "/".join(key), problem)
        if plural != RUNTIMES.plural:  # a runtime goes on as it was
            self._forget(plural, key)

    def drop(self, plural: str, manifest: Manifest) -> None:
        """Forget the object, which has left the watch, and enqueue whoever has it.

        Deleted, or no longer with our label: in that case its function takes it back.
        """
        key = _find_key(manifest)
        if key is None:
            return
        self._left_out.pop((plural, key), None)
        metadata = manifest["metadata"]
        if plural == RUNTIMES.plural:
            self._store.runtimes.pop(find_runtime_name(manifest), None)
        elif self._is_known(plural, key, metadata.get("uid")):
            self._note_unseen(plural, key, metadata)
            self._forget(plural, key, str(metadata.get("resourceVersion")))
        self.concern(plural, manifest)

    def _is_known(self, plural: str, key: Key, uid: object) -> bool:
        """Whether it is this very object that the store holds, not one made after it."""
        table = self._tables.get(plural)
        record = table.get(key) if table is not None else None
        return record is not None and uid in (None, record.uid)

    def _note_unseen(self, plural: str, key: Key, metadata: Mapping[str, Any]) -> None:
        """Its function looks whether a Deployment or pod of it is there all the same."""
        resource, record = _OF_FUNCTIONS.get(plural), self._tables[plural].get(key)
        if resource is None or record is None:
            return
        owner = self._store.key_of_uid(record.function_uid)
        if owner is None:
            return
        self._enqueue(function_key(*owner))
        is_going = "deletionTimestamp" in metadata or getattr(record, "terminating", False)
        if not is_going:
            self._store.note_unseen(record.function_uid, resource, key, record.uid)

    def _forget(self, plural: str, key: Key, version: str = "") -> None:
        if plural == FUNCTIONS.plural:
            self._enqueue_claimants(self._store.remove_function(key, version))
        elif plural == LAYERS.plural:
            self._enqueue_around(self._store.layers.remove(key, version))
        else:
            self._tables[plural].remove(key, version)

    def vanish(self, plural: str, key: Key) -> None:
        """Forget an object whose deletion nobody saw, and enqueue what it concerns."""
        self.drop(plural, {"metadata": {"namespace": key[0], "name": key[1]}})

    def concern(self, plural: str, manifest: Manifest) -> None:
        """Enqueue whatever has to be looked at because of this object."""
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
                self._enqueue_around(self._store.layers.get((namespace, name)))
            case DEPLOYMENTS.plural | PODS.plural:
                self._enqueue_owner(plural, key, manifest["metadata"])
            case NETWORK_POLICIES.plural:
                self._enqueue(namespace_key(namespace))
            case RUNTIMES.plural:
                self.enqueue_runtime(find_runtime_name(manifest))

    def enqueue_runtime(self, runtime: str) -> None:
        """Look again at every function of this runtime."""
        for one in self._store.functions.values():
            if one.runtime == runtime or one.runtime not in self._store.runtimes:
                self._enqueue(function_key(one.ref.namespace, one.ref.name))

    def _enqueue_around(self, record: LayerRecord | None) -> None:
        """Look at a layer version, at the objects that claim to be it, and at its users."""
        if record is None:
            return
        for one in self._store.layer_claimants(record):
            self._enqueue(layer_key(*one.key))
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
        for one in self._store.same_name(record):
            if one.ref != record.ref:
                self._enqueue(function_key(one.ref.namespace, one.ref.name))


def _find_key(manifest: Manifest) -> Key | None:
    """Namespace and name; None for what no API server sends."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    namespace, name = metadata.get("namespace") or "", metadata.get("name")
    return (namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None


def build_kopf_registry(
    intake: Intake, connect: Callable[[], Connection], *, watch_runtimes: bool
) -> kopf.OperatorRegistry:
    """Handlers for every kind that is watched."""
    registry = kopf.OperatorRegistry()
    watched = [FUNCTIONS, LAYERS, DEPLOYMENTS, PODS, NETWORK_POLICIES]
    for resource in [*watched, RUNTIMES] if watch_runtimes else watched:
        _register(registry, intake, resource)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return build_connection_info(connect())

    return registry


def _register(registry: kopf.OperatorRegistry, intake: Intake, resource: Resource) -> None:
    selector = (resource.group, resource.version, resource.plural)
    plural = resource.plural

    async def event(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002  # kopf's name
        manifest = dict(body)
        if type == "DELETED":
            intake.drop(plural, manifest)
        elif intake.take(plural, manifest):
            intake.concern(plural, manifest)

    kopf.on.event(*selector, id=f"event-{plural}", registry=registry)(event)


def build_kopf_settings(watched_by_label: Iterable[Resource]) -> kopf.OperatorSettings:
    """Settings under which kopf only lists and watches."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.watching.chunk_size = PAGE_ITEMS
    settings.watching.inactivity_timeout = SILENCE_S
    settings.watching.server_timeout = _SERVER_TIMEOUT_S
    settings.watching.connect_timeout = 5.0
    settings.queueing.idle_timeout = 0.05
    settings.queueing.exit_timeout = 0.5
    settings.networking.request_timeout = 20.0
    settings.networking.error_backoffs = [0.2, 0.5, 1, 2, 5]
    settings.process.ultimate_exiting_timeout = None
    for resource in watched_by_label:
        key = (resource.group, resource.version, resource.plural)
        settings.watching.label_selectors[key] = MANAGED_SELECTOR
    return settings


def build_connection_info(connection: Connection) -> kopf.ConnectionInfo:
    """The same server and rights as our own client; asked again before a token can expire."""
    return kopf.ConnectionInfo(
        server=connection.server,
        ca_path=connection.ca_path,
        token=connection.token,
        certificate_path=connection.certificate_path,
        private_key_path=connection.private_key_path,
    )
