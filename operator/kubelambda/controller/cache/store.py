"""What is there, as far as the watches and our own writes have told.

Contract: lives on one event loop; no I/O. An older version never replaces a newer one. An object
leaves only when its deletion was seen, or when a complete list that began later does not hold it:
never because of an empty or failed answer (FAULTS F5).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from kubelambda.controller.cache.kept_records import DeploymentRecord, PolicyRecord
from kubelambda.controller.cache.layer_records import LayerRecord, Reference
from kubelambda.controller.cache.pod_records import PodRecord
from kubelambda.controller.cache.records import FunctionRecord, Key, RuntimeRecord
from kubelambda.core.model.layer import Layer
from kubelambda.kube.paths import Resource

_GONE_MAX = 10_000
"""Deletions that are remembered, of each kind: only answers that cross one need them."""


class Versioned(Protocol):
    """Anything with a uid and a resourceVersion."""

    @property
    def uid(self) -> str:
        """The uid."""
        ...

    @property
    def version(self) -> str:
        """The resourceVersion."""
        ...


RecordT = TypeVar("RecordT", bound=Versioned)


class Table(Generic[RecordT]):
    """Records of one kind by namespace and name, grouped by a second value."""

    def __init__(self) -> None:
        self._records: dict[Key, RecordT] = {}
        self._groups: dict[object, dict[Key, None]] = {}
        self._group_of: dict[Key, object] = {}
        self._gone: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: Key) -> RecordT | None:
        """The record of ``key``."""
        return self._records.get(key)

    def values(self) -> Iterable[RecordT]:
        """All records."""
        return list(self._records.values())

    def items(self) -> Iterable[tuple[Key, RecordT]]:
        """All records with their keys."""
        return list(self._records.items())

    def group(self, value: object) -> list[RecordT]:
        """The records that were put with this group."""
        return [self._records[key] for key in self._groups.get(value, ())]

    def put(self, key: Key, record: RecordT, group: object) -> bool:
        """Remember ``record``; False where what is known is as new or newer."""
        former, version = self._records.get(key), int(record.version)
        if former is not None and int(former.version) >= version:
            return False
        if version <= self._gone.get(record.uid, -1):
            return False  # the answer to a write, later than the news of the deletion
        hash(group)  # what cannot be a group changes nothing
        self._leave_group(key)
        self._records[key] = record
        self._group_of[key] = group
        self._groups.setdefault(group, {})[key] = None
        return True

    def remove(self, key: Key, version: str = "") -> RecordT | None:
        """Forget ``key``, which went with this version; what it was."""
        self._leave_group(key)
        record = self._records.pop(key, None)
        if record is not None:
            while len(self._gone) >= _GONE_MAX:
                del self._gone[next(iter(self._gone))]
            went = int(version) if version.isdecimal() else 0
            self._gone[record.uid] = max(went, int(record.version))
        return record

    def _leave_group(self, key: Key) -> None:
        if key not in self._group_of:
            return
        group = self._group_of.pop(key)
        members = self._groups[group]
        del members[key]
        if not members:
            del self._groups[group]


class Store:
    """All tables. Deployments and pods are grouped by the uid of their function."""

    def __init__(self) -> None:
        self.functions: Table[FunctionRecord] = Table()
        self.layers: Table[LayerRecord] = Table()
        self.deployments: Table[DeploymentRecord] = Table()
        self.pods: Table[PodRecord] = Table()
        self.policies: Table[PolicyRecord] = Table()
        self.runtimes: dict[str, RuntimeRecord] = {}
        self.on_pod_changed: Callable[[], None] = _ignore
        """Called when anything new is known of a pod; one listener."""
        self._function_keys: dict[str, Key] = {}
        self._unseen: dict[str, dict[tuple[Resource, Key], str]] = {}

    def note_unseen(self, function_uid: str, resource: Resource, key: Key, uid: str) -> None:
        """An object of this function left the watches; perhaps it has only lost its label."""
        self._unseen.setdefault(function_uid, {})[(resource, key)] = uid

    def list_unseen(self, function_uid: str) -> list[tuple[Resource, Key, str]]:
        """What has left and has not been looked for since, with the uid of each."""
        return [(*place, uid) for place, uid in self._unseen.get(function_uid, {}).items()]

    def forget_unseen(self, function_uid: str, resource: Resource, key: Key, uid: str) -> None:
        """It has been looked for."""
        places = self._unseen.get(function_uid, {})
        if places.get((resource, key)) == uid:
            del places[(resource, key)]
        if not places:
            self._unseen.pop(function_uid, None)

    def put_function(self, record: FunctionRecord) -> bool:
        """Remember a function; False where nothing is new."""
        key = (record.ref.namespace, record.ref.name)
        former = self.functions.get(key)
        taken = self.functions.put(key, record, (record.ref.namespace, record.function_name))
        if taken:
            if former is not None and former.uid != record.uid:
                self._function_keys.pop(former.uid, None)  # deleted and made again in one moment
                self._unseen.pop(former.uid, None)
            self._function_keys[record.uid] = key
        return taken

    def put_layer(self, record: LayerRecord) -> bool:
        """Remember a layer version; False where nothing is new."""
        return self.layers.put(record.key, record, record.group)

    def layer_claimants(self, record: LayerRecord) -> list[LayerRecord]:
        """Every object that is this version of this layer, the rightful one first."""
        return self._claimants(*record.group)

    def known_layers(self, namespace: str, layers: Sequence[Layer]) -> dict[Reference, Layer]:
        """Those of ``layers`` that are there, by name and version."""
        found = self.layer_records(namespace, layers)
        return {(one.layer.name, one.layer.version): one.layer for one in found}

    def layer_records(self, namespace: str, layers: Sequence[Layer]) -> list[LayerRecord]:
        """The rightful objects of those of ``layers`` that are there."""
        claimants = [self._claimants(namespace, one.name, one.version) for one in layers]
        return [one[0] for one in claimants if one and one[0].layer.digest]

    def users_of(self, record: LayerRecord) -> list[FunctionRecord]:
        """Functions that name this layer version."""
        reference = (record.layer.name, record.layer.version)
        return [
            one
            for one in self.functions.values()
            if one.ref.namespace == record.key[0]
            and any((layer.name, layer.version) == reference for layer in one.layers)
        ]

    def _claimants(self, namespace: str, name: str, version: int) -> list[LayerRecord]:
        found = self.layers.group((namespace, name, version))
        return sorted(found, key=lambda one: (one.created, one.key))

    def put_deployment(self, record: DeploymentRecord) -> bool:
        """Remember a Deployment; False where nothing is new."""
        return self.deployments.put(record.key, record, record.function_uid)

    def put_pod(self, record: PodRecord) -> bool:
        """Remember a pod; False where nothing is new."""
        is_new = self.pods.put(record.key, record, record.function_uid)
        if is_new:
            self.on_pod_changed()
        return is_new

    def put_policy(self, record: PolicyRecord) -> bool:
        """Remember a NetworkPolicy; False where nothing is new."""
        return self.policies.put(record.key, record, record.key[0])

    def put_runtime(self, record: RuntimeRecord) -> bool:
        """Remember a runtime; False where nothing is new."""
        former = self.runtimes.get(record.name)
        self.runtimes[record.name] = record
        return former != record

    def remove_function(self, key: Key, version: str = "") -> FunctionRecord | None:
        """Forget a function, which went with this version; what it was."""
        record = self.functions.remove(key, version)
        if record is not None:
            self._function_keys.pop(record.uid, None)
            self._unseen.pop(record.uid, None)
        return record

    def key_of_uid(self, uid: str) -> Key | None:
        """Namespace and name of the function with this uid."""
        return self._function_keys.get(uid)

    def same_name(self, record: FunctionRecord) -> list[FunctionRecord]:
        """Every function of the namespace that claims this AWS name, the first claimant first."""
        claimants = self.functions.group((record.ref.namespace, record.function_name))
        return sorted(claimants, key=lambda one: (one.created, one.ref.name))

    def has_functions(self, namespace: str) -> bool:
        """Whether any function of ``namespace`` is there and not on its way out."""
        return any(
            one.ref.namespace == namespace and not one.deleting for one in self.functions.values()
        )


def _ignore() -> None:
    """Nobody listens."""
