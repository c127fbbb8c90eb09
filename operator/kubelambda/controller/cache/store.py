"""What is there, as far as the watches and our own writes have told.

Contract: lives on one event loop; no I/O. An object leaves only when its deletion was seen, or when
a complete list that began later does not contain it; never because of an empty or failed answer
(F5).
"""

from collections.abc import Callable, Iterator, Sequence

from kubelambda.controller.cache.table import Table
from kubelambda.controller.records.alias_record import AliasRecord
from kubelambda.controller.records.deployment_record import DeploymentRecord
from kubelambda.controller.records.function_record import FunctionRecord
from kubelambda.controller.records.keys import Key
from kubelambda.controller.records.layer_record import LayerRecord, Reference
from kubelambda.controller.records.ownership import Owned
from kubelambda.controller.records.pod_record import PodRecord
from kubelambda.controller.records.policy_record import PolicyRecord
from kubelambda.controller.records.runtime_record import RuntimeRecord
from kubelambda.controller.records.version_record import VersionRecord
from kubelambda.core.model.layer import Layer
from kubelambda.judge.publication import PublishedVersion
from kubelambda.kube.paths import Resource


class Store:
    """All tables. Deployments and pods are grouped by the uid of their function or version,
    versions and aliases by namespace and name of their function."""

    def __init__(self) -> None:
        self.functions: Table[FunctionRecord] = Table()
        self.versions: Table[VersionRecord] = Table()
        self.aliases: Table[AliasRecord] = Table()
        self.layers: Table[LayerRecord] = Table()
        self.deployments: Table[DeploymentRecord] = Table()
        self.pods: Table[PodRecord] = Table()
        self.policies: Table[PolicyRecord] = Table()
        self.runtimes: dict[str, RuntimeRecord] = {}
        self.on_pod_changed: Callable[[], None] = _ignore
        """Called when a pod is new or has changed; there is one listener."""
        self._keys: dict[str, Key] = {}
        self._unwatched: dict[str, dict[tuple[Resource, Key], str]] = {}

    def note_unwatched(self, function_uid: str, resource: Resource, key: Key, uid: str) -> None:
        """An object of this function left its watch; perhaps it has only lost our label."""
        self._unwatched.setdefault(function_uid, {})[(resource, key)] = uid

    def list_unwatched(self, function_uid: str) -> list[tuple[Resource, Key, str]]:
        """What has left its watch and has not been looked for since, with the uid of each."""
        return [(*place, uid) for place, uid in self._unwatched.get(function_uid, {}).items()]

    def forget_unwatched(self, function_uid: str, resource: Resource, key: Key, uid: str) -> None:
        """This object has been looked for."""
        places = self._unwatched.get(function_uid, {})
        if places.get((resource, key)) == uid:
            del places[(resource, key)]
        if not places:
            self._unwatched.pop(function_uid, None)

    def put_function(self, record: FunctionRecord) -> bool:
        """Remember a function; False if nothing is new."""
        key = (record.ref.namespace, record.ref.name)
        former = self.functions.get(key)
        taken = self.functions.put(key, record, (record.ref.namespace, record.function_name))
        if taken:
            self._note_key(former.uid if former is not None else "", record.uid, key)
        return taken

    def put_version(self, record: VersionRecord) -> bool:
        """Remember a LambdaVersion; False if nothing is new."""
        former = self.versions.get(record.key)
        taken = self.versions.put(record.key, record, record.owned.function_key)
        if taken:
            self._note_key(former.uid if former is not None else "", record.uid, record.key)
        return taken

    def _note_key(self, former_uid: str, uid: str, key: Key) -> None:
        if former_uid != uid:
            # Deleted and created again, and only the successor was told of.
            self._forget_uid(former_uid)
        self._keys[uid] = key

    def _forget_uid(self, uid: str) -> None:
        self._keys.pop(uid, None)
        self._unwatched.pop(uid, None)

    def put_alias(self, record: AliasRecord) -> bool:
        """Remember a LambdaAlias; False if nothing is new."""
        return self.aliases.put(record.key, record, record.owned.function_key)

    def list_serving(self) -> Iterator[FunctionRecord]:
        """Whatever may have pods: every function, and every published version."""
        yield from self.functions.values()
        for version in self.versions.values():
            if version.serving is not None:
                yield version.serving

    def list_uids(self) -> set[str]:
        """Of every function and every LambdaVersion."""
        return set(self._keys)

    def list_with_objects(self) -> Iterator[FunctionRecord]:
        """Of ``list_serving`` what has a pod or a Deployment."""
        for uid in dict.fromkeys([*self.pods.groups(), *self.deployments.groups()]):
            record = self.find_by_uid(uid)
            if record is not None:
                yield record

    def find_by_uid(self, uid: str) -> FunctionRecord | None:
        """The function, or the published version, with this uid."""
        key = self._keys.get(uid)
        return self.find_serving(key) if key is not None else None

    def find_serving(self, key: Key) -> FunctionRecord | None:
        """The function, or the published version, of this name."""
        version = self.versions.get(key)
        return version.serving if version is not None else self.functions.get(key)

    def function_of(self, owned: Owned, function_name: str) -> FunctionRecord | None:
        """The function that a version or an alias belongs to; None if it is not there (yet).

        One of the same name that was made after the owner was deleted is another function.
        """
        function = self.functions.get(owned.function_key)
        if function is None or function.deleting or function.function_name != function_name:
            return None
        return function if owned.function_uid in ("", function.uid) else None

    def versions_of(self, function: FunctionRecord) -> list[VersionRecord]:
        """Its LambdaVersions, published or not."""
        found = self.versions.group((function.ref.namespace, function.ref.name))
        return [
            version
            for version in found
            if version.owned.function_uid in ("", function.uid)
            and version.request.function_name == function.function_name
        ]

    def published_of(self, function: FunctionRecord) -> list[PublishedVersion]:
        """Its versions that have a number, not only those that are Ready."""
        versions = self.versions_of(function)
        return [version.published for version in versions if version.published is not None]

    def claimants_of_number(self, function: Key, number: int) -> list[VersionRecord]:
        """Every object of the function that says to be this version."""
        return [
            version
            for version in self.versions.group(function)
            if version.published is not None and version.published.number == number
        ]

    def reservation_of(self, record: FunctionRecord) -> int | None:
        """The reserved concurrency of the function that ``record`` is, or is a version of."""
        if not record.number:
            return record.reserved_concurrency
        function = self.functions.get((record.ref.namespace, record.ref.function.name))
        return function.reserved_concurrency if function is not None else None

    def put_layer(self, record: LayerRecord) -> bool:
        """Remember a layer version; False if nothing is new."""
        return self.layers.put(record.key, record, record.group)

    def layer_claimants(self, record: LayerRecord) -> list[LayerRecord]:
        """Every object that is this version of this layer, the rightful one first."""
        return self._claimants(*record.group)

    def known_layers(self, namespace: str, layers: Sequence[Layer]) -> dict[Reference, Layer]:
        """The rightful objects of those of ``layers`` that exist, by name and version."""
        found = self.layer_records(namespace, layers)
        return {(record.layer.name, record.layer.version): record.layer for record in found}

    def layer_records(self, namespace: str, layers: Sequence[Layer]) -> list[LayerRecord]:
        """The records of the rightful objects of those of ``layers`` that exist."""
        claimants = [self._claimants(namespace, layer.name, layer.version) for layer in layers]
        return [claimant[0] for claimant in claimants if claimant and claimant[0].layer.digest]

    def users_of(self, record: LayerRecord) -> list[FunctionRecord]:
        """Functions and published versions that name this layer version."""
        reference = (record.layer.name, record.layer.version)
        return [
            function
            for function in self.list_serving()
            if function.ref.namespace == record.key[0]
            and any((layer.name, layer.version) == reference for layer in function.layers)
        ]

    def _claimants(self, namespace: str, name: str, version: int) -> list[LayerRecord]:
        found = self.layers.group((namespace, name, version))
        return sorted(found, key=lambda record: (record.created, record.key))

    def put_deployment(self, record: DeploymentRecord) -> bool:
        """Remember a Deployment; False if nothing is new."""
        return self.deployments.put(record.key, record, record.function_uid)

    def put_pod(self, record: PodRecord) -> bool:
        """Remember a pod; False if nothing is new."""
        is_new = self.pods.put(record.key, record, record.function_uid)
        if is_new:
            self.on_pod_changed()
        return is_new

    def put_policy(self, record: PolicyRecord) -> bool:
        """Remember a NetworkPolicy; False if nothing is new."""
        return self.policies.put(record.key, record, record.key[0])

    def put_runtime(self, record: RuntimeRecord) -> bool:
        """Remember a runtime; False if nothing is new."""
        former = self.runtimes.get(record.name)
        self.runtimes[record.name] = record
        return former != record

    def remove_function(self, key: Key, version: str = "") -> FunctionRecord | None:
        """Forget a function, which was deleted in this version; its record."""
        record = self.functions.remove(key, version)
        if record is not None:
            self._forget_uid(record.uid)
        return record

    def remove_version(self, key: Key, version: str = "") -> VersionRecord | None:
        """Forget a LambdaVersion, which was deleted in this version; its record."""
        record = self.versions.remove(key, version)
        if record is not None:
            self._forget_uid(record.uid)
        return record

    def key_of_uid(self, uid: str) -> Key | None:
        """Namespace and name of the function or the LambdaVersion with this uid."""
        return self._keys.get(uid)

    def same_name(self, record: FunctionRecord) -> list[FunctionRecord]:
        """Every function of the namespace that claims this AWS name, the first claimant first.

        None for a version, whose function claims it.
        """
        if record.number:
            return []
        claimants = self.functions.group((record.ref.namespace, record.function_name))
        return sorted(claimants, key=lambda claimant: (claimant.created, claimant.ref.name))

    def has_functions(self, namespace: str) -> bool:
        """Whether any function of ``namespace`` is there and not on its way out."""
        return any(
            function.ref.namespace == namespace and not function.deleting
            for function in self.functions.values()
        )


def _ignore() -> None:
    """Nobody listens."""
