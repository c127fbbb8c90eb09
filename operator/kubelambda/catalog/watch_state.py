"""What lists and watches of one resource have brought so far, and what that means for the index.

Contract: no I/O; ``cluster`` hands in lists and events. Rules, named in the tests:

- C1 ``version`` is where the next watch continues: the last resource version that was taken,
  however the watch ended. Bookmarks and records that cannot be read count too.
- C2 an event that is not newer than that was taken before: a replay changes nothing.
- C3 a deletion concerns one object (its uid), never another one of the same name.
- C4 an object with a ``deletionTimestamp`` counts as deleted: its deletion cannot be taken back.
- C5 a record that cannot be read is logged once for each of its versions. What was read of the
  object before stays; if there is nothing, a stand-in says what is wrong.
- C6 a list removes objects that it does not hold. A list older than what was taken comes from a
  server that lags behind. It is refused, up to LISTS_REFUSED_MAX times in a row; after that the
  store must have been set back.
"""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubelambda.catalog.claims import ObjectKey

logger = logging.getLogger(__name__)

LISTS_REFUSED_MAX = 3

_KINDS = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")

Manifest = Mapping[str, Any]


class StaleVersionError(Exception):
    """The watch cannot continue from its version: list again."""


class StaleListError(Exception):
    """The list is older than what is known already: list again later."""


@dataclass(frozen=True, slots=True)
class Resource:
    """How the objects of one resource get into the index."""

    plural: str
    read: Callable[[Manifest], Any]
    """Reads from a manifest what the index needs."""
    stand_in: Callable[[Manifest, str], Any | None]
    """What to put in place of an object that cannot be read, given the problem; None: nothing."""
    put: Callable[[Any], None]
    remove: Callable[[ObjectKey, str], None]
    """Called with key and uid of a deleted object, perhaps more than once."""
    replace: Callable[[list[Any], str | None], None]
    """Called with all objects of a namespace, or of the cluster (None)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One object as it was read; ``value`` is None if the index gets nothing for it."""

    key: ObjectKey
    uid: str
    value: Any | None
    is_gone: bool = False


class WatchState:
    """The objects of ``resource`` in one namespace, or in the whole cluster."""

    def __init__(self, resource: Resource, namespace: str | None) -> None:
        self.resource = resource
        self.namespace = namespace
        self.version = ""
        """Empty: a list has to come first."""
        self.events_taken = 0
        """How many events and bookmarks of watches were new."""
        self._progress = ""
        self._known: dict[ObjectKey, Record] = {}
        self._complained: dict[ObjectKey, tuple[str, str]] = {}
        """Uid and version of the last record of an object that could not be read."""
        self._lists_refused = 0

    def __str__(self) -> str:
        return f"{self.resource.plural} of {self.namespace or 'the cluster'}"

    def read(self, manifest: Manifest) -> Record | None:
        """The record of an object of a list; None if not even its name can be read."""
        identity = self._identify(manifest)
        if identity is None:
            return None
        key, uid = identity
        if manifest["metadata"].get("deletionTimestamp"):
            return Record(key, uid, None, is_gone=True)
        try:
            return Record(key, uid, self.resource.read(manifest))
        except Exception as error:  # noqa: BLE001  # the boundary of one record: C5
            return self._replace_unreadable(manifest, key, uid, error)

    def _identify(self, manifest: Manifest) -> tuple[ObjectKey, str] | None:
        try:
            metadata = manifest["metadata"]
            key = (str(metadata.get("namespace", "default")), str(metadata["name"]))
            return key, str(metadata.get("uid", ""))
        except (AttributeError, LookupError, TypeError):
            logger.warning("an object among the %s has no name; it is passed over", self)
            return None

    def take_list(self, records: Sequence[Record], version: str) -> None:
        """Replace everything by ``records``, a list of ``version``; StaleListError by C6."""
        if _is_older(version, self._progress) and self._lists_refused < LISTS_REFUSED_MAX:
            self._lists_refused += 1
            raise StaleListError(f"a list of version {version} after version {self._progress}")
        self._lists_refused = 0
        self._known = {record.key: record for record in records if not record.is_gone}
        values = [record.value for record in self._known.values() if record.value is not None]
        self.resource.replace(values, self.namespace)
        for record in records:
            if record.is_gone:
                self._remove(record.key, record.uid)
        self._complained = {key: at for key, at in self._complained.items() if key in self._known}
        self.version = self._progress = version

    def take_event(self, event: Mapping[str, Any]) -> None:
        """Take one event of a watch; StaleVersionError if a list has to come first."""
        try:
            kind, manifest = event["type"], event["object"]
            if kind == "ERROR":
                raise StaleVersionError(str(manifest.get("message", "")))
            version = str(manifest["metadata"]["resourceVersion"])
        except (AttributeError, LookupError, TypeError) as error:
            raise StaleVersionError("an event that cannot be understood") from error
        if kind not in _KINDS:
            raise StaleVersionError(f"an event of an unknown type {kind!r}")
        if version == self._progress or _is_older(version, self._progress):
            return
        if kind != "BOOKMARK":
            self._take(kind, manifest)
        self.events_taken += 1
        self.version = self._progress = version

    def list_again(self) -> None:
        """Make the next step a list; everything known stays."""
        self.version = ""

    def _take(self, kind: str, manifest: Manifest) -> None:
        if kind == "DELETED":
            identity = self._identify(manifest)
            if identity is not None:
                self._remove(*identity)
            return
        record = self.read(manifest)
        if record is None:
            return
        if record.is_gone:
            self._remove(record.key, record.uid)
            return
        self._known[record.key] = record
        if record.value is not None:
            self.resource.put(record.value)

    def _remove(self, key: ObjectKey, uid: str) -> None:
        known = self._known.get(key)
        if known is not None and known.uid != uid:
            return
        self._known.pop(key, None)
        self._complained.pop(key, None)
        self.resource.remove(key, uid)

    def _replace_unreadable(
        self, manifest: Manifest, key: ObjectKey, uid: str, error: Exception
    ) -> Record:
        version = str(manifest["metadata"].get("resourceVersion", ""))
        problem = _describe(error)
        former = self._known.get(key)
        has_former = former is not None and former.uid == uid
        if self._complained.get(key) != (uid, version):
            self._complained[key] = (uid, version)
            outcome = "its former self stays" if has_former else "it cannot be served"
            logger.warning(
                "version %s of %s/%s among the %s cannot be read: %s; %s",
                version,
                *key,
                self.resource.plural,
                problem,
                outcome,
            )
        if former is not None and has_former:
            return former
        return Record(key, uid, self._build_stand_in(manifest, problem))

    def _build_stand_in(self, manifest: Manifest, problem: str) -> Any | None:
        try:
            return self.resource.stand_in(manifest, problem)
        except Exception:
            logger.debug("nothing can be said about an object that cannot be read", exc_info=True)
            return None


def _is_older(version: str, than: str) -> bool:
    """Resource versions are decimal numbers that grow; anything else cannot be compared."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


def _describe(error: Exception) -> str:
    """What failed and where, without the message: it may hold a value, which may be a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    file = frame.filename.rpartition("/")[2]
    return f"{type(error).__name__} at line {frame.lineno} of {file}"
