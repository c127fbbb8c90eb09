"""What the lists and the watch of one resource have said so far, and what that means for an index.

Contract: pure, no I/O; ``cluster`` brings lists and events. Rules, which the tests name:

- C1 ``version`` is where a watch goes on: the last resource version that was taken, whatever ended
  the watch after it. Bookmarks count, and records that cannot be read.
- C2 what is not newer than that has been taken already: a replay changes nothing.
- C3 a deletion concerns one object, never another one of its name.
- C4 an object that is being deleted is gone: nothing takes its deletion back.
- C5 a record that cannot be read is logged once for each version of it. The object's former self
  stays; where there is none, a stand-in says what is wrong.
- C6 a list removes what it does not hold. One that is older than what was taken comes from a
  server that lags: it is refused, LISTS_REFUSED_MAX times in a row; then the store was set back.
"""

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubelambda.catalog.layers import ObjectKey

logger = logging.getLogger(__name__)

LISTS_REFUSED_MAX = 3

_KINDS = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")

Manifest = Mapping[str, Any]


class StaleVersionError(Exception):
    """The watch cannot go on from where it was: list again."""


class StaleListError(Exception):
    """The list is older than what is known already: ask again."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Where the objects of one resource go."""

    plural: str
    read: Callable[[Manifest], Any]
    """Keeps of an object what the index needs."""
    stand_in: Callable[[Manifest, str], Any | None]
    """What to put for an object that cannot be read, and why; None for nothing."""
    put: Callable[[Any], None]
    remove: Callable[[ObjectKey, str], None]
    """Key and uid of what is deleted; called again for what has been removed before."""
    replace: Callable[[list[Any], str | None], None]
    """All that there is, in a namespace or at all."""


@dataclass(frozen=True, slots=True)
class Record:
    """One object as it was read; ``value`` is None where the index gets nothing of it."""

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
        """Empty: nothing is known, or a list has to come first."""
        self.events_taken = 0
        """Events and bookmarks of watches that were news."""
        self._progress = ""
        self._known: dict[ObjectKey, Record] = {}
        self._complained: dict[ObjectKey, tuple[str, str]] = {}
        """Uid and version of the last record of an object that could not be read."""
        self._lists_refused = 0

    def __str__(self) -> str:
        return f"{self.resource.plural} of {self.namespace or 'the cluster'}"

    def read(self, manifest: Manifest) -> Record | None:
        """What to take of an object of a list; None where not even its name can be read."""
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
        """Make ``records`` all that there is, as of ``version``; StaleListError by C6."""
        if _is_older(version, self._progress) and self._lists_refused < LISTS_REFUSED_MAX:
            self._lists_refused += 1
            raise StaleListError(f"a list of version {version} after version {self._progress}")
        self._lists_refused = 0
        self._known = {one.key: one for one in records if not one.is_gone}
        values = [one.value for one in self._known.values() if one.value is not None]
        self.resource.replace(values, self.namespace)
        for one in records:
            if one.is_gone:
                self._remove(one.key, one.uid)
        self._complained = {key: at for key, at in self._complained.items() if key in self._known}
        self.version = self._progress = version

    def take_event(self, event: Mapping[str, Any]) -> None:
        """One event of the watch; StaleVersionError where it says, or means, that a list is due."""
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
        """The next thing to do is a list; what is known stays known."""
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
