"""One descriptor for each kind of object that the controller follows.

Contract: pure. Whatever goes over all kinds reads this table: the first list, the watches, the
list every five minutes, the intake. A new kind has an entry in ``KINDS``, a table in ``Store``, and
a reconciler in ``process.assembly`` (docs/adding-a-kind.md).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubelambda.controller.cache.store import Store
from kubelambda.controller.cache.table import Table
from kubelambda.controller.records.alias_record import AliasRecord, read_alias
from kubelambda.controller.records.deployment_record import read_deployment
from kubelambda.controller.records.function_record import FunctionRecord, read_function
from kubelambda.controller.records.keys import (
    Key,
    WorkKey,
    alias_key,
    function_key,
    layer_key,
    namespace_key,
    serving_key,
    version_key,
)
from kubelambda.controller.records.layer_record import LayerRecord, read_layer
from kubelambda.controller.records.pod_record import read_pod
from kubelambda.controller.records.policy_record import read_policy
from kubelambda.controller.records.version_record import VersionRecord, read_version
from kubelambda.kube.paths import (
    ALIASES,
    DEPLOYMENTS,
    FUNCTIONS,
    LAYERS,
    NETWORK_POLICIES,
    PODS,
    VERSIONS,
    Resource,
)
from kubelambda.kube.resources.labels import MANAGED_SELECTOR

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """How objects of one kind get into the store, and what has to be reconciled because of one."""

    resource: Resource
    table: Callable[[Store], Table[Any]]
    put: Callable[[Store, Manifest], bool]
    """Remember the object; False if nothing is new. Raises MALFORMED."""
    affected: Callable[[Store, Key, Any], Iterable[WorkKey]]
    """Keys of work because of the object; the record is None if it is not known (any more)."""
    remove: Callable[[Store, Key, str], Any]
    """Forget the object, which was deleted in this version; its record, or None."""
    selector: str = ""
    """Label selector of the objects that are followed; empty: all of them."""
    is_ours: bool = False
    """Whether we make these objects for a function or a version, whose uid the label says."""


def _list_of_function(store: Store, key: Key, record: FunctionRecord | None) -> list[WorkKey]:
    keys = [function_key(*key), namespace_key(key[0])]
    if record is not None:
        others = [one.ref for one in store.same_name(record) if one.ref != record.ref]
        keys += [function_key(*other) for other in others]
    keys += [version_key(*version.key) for version in store.versions.group(key)]
    return keys + [alias_key(*alias.key) for alias in store.aliases.group(key)]


def _list_of_version(store: Store, key: Key, record: VersionRecord | None) -> list[WorkKey]:
    if record is None:
        return [version_key(*key)]
    function = record.owned.function_key
    keys = [version_key(*key), function_key(*function)]
    if record.published is not None:
        number = record.published.number
        keys += [version_key(*one.key) for one in store.claimants_of_number(function, number)]
    return keys + [alias_key(*alias.key) for alias in store.aliases.group(function)]


def _list_of_alias(store: Store, key: Key, record: AliasRecord | None) -> list[WorkKey]:
    function = record.owned.function_key if record is not None else None
    others = [alias.key for alias in store.aliases.group(function)]
    return [alias_key(*other) for other in dict.fromkeys([key, *others])]


def _list_of_layer(store: Store, key: Key, record: LayerRecord | None) -> list[WorkKey]:
    """The objects that claim to be this layer version, and whatever is made with it."""
    if record is None:
        return []
    keys = [layer_key(*claimant.key) for claimant in store.layer_claimants(record)]
    return keys + [serving_key(*user.ref) for user in store.users_of(record)]


def _list_of_owned(store: Store, key: Key, record: Any) -> list[WorkKey]:
    """What the Deployment or pod belongs to."""
    owner = store.key_of_uid(record.function_uid) if record is not None else None
    return [serving_key(*owner)] if owner is not None else []


KINDS = (
    Kind(
        NETWORK_POLICIES,
        table=lambda store: store.policies,
        put=lambda store, manifest: store.put_policy(read_policy(manifest)),
        affected=lambda store, key, record: [namespace_key(key[0])],
        remove=lambda store, key, version: store.policies.remove(key, version),
        selector=MANAGED_SELECTOR,
    ),
    Kind(
        PODS,
        table=lambda store: store.pods,
        put=lambda store, manifest: store.put_pod(read_pod(manifest)),
        affected=_list_of_owned,
        remove=lambda store, key, version: store.pods.remove(key, version),
        selector=MANAGED_SELECTOR,
        is_ours=True,
    ),
    Kind(
        DEPLOYMENTS,
        table=lambda store: store.deployments,
        put=lambda store, manifest: store.put_deployment(read_deployment(manifest)),
        affected=_list_of_owned,
        remove=lambda store, key, version: store.deployments.remove(key, version),
        selector=MANAGED_SELECTOR,
        is_ours=True,
    ),
    Kind(
        LAYERS,
        table=lambda store: store.layers,
        put=lambda store, manifest: store.put_layer(read_layer(manifest)),
        affected=_list_of_layer,
        remove=lambda store, key, version: store.layers.remove(key, version),
    ),
    Kind(
        ALIASES,
        table=lambda store: store.aliases,
        put=lambda store, manifest: store.put_alias(read_alias(manifest)),
        affected=_list_of_alias,
        remove=lambda store, key, version: store.aliases.remove(key, version),
    ),
    Kind(
        VERSIONS,
        table=lambda store: store.versions,
        put=lambda store, manifest: store.put_version(read_version(manifest)),
        affected=_list_of_version,
        remove=lambda store, key, version: store.remove_version(key, version),
    ),
    Kind(
        FUNCTIONS,
        table=lambda store: store.functions,
        put=lambda store, manifest: store.put_function(read_function(manifest)),
        affected=_list_of_function,
        remove=lambda store, key, version: store.remove_function(key, version),
    ),
)
"""In the order in which a new leader lists them: what functions need first, functions last."""
KIND_OF = {kind.resource.plural: kind for kind in KINDS}
