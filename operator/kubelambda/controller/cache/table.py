"""A table of records of one kind, as one watch and our own writes have told.

Contract: no I/O. An older version never replaces a newer one, and a deleted object does not come
back by an answer that arrives after the news of its deletion.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from kubelambda.controller.records.keys import Key

_GONE_MAX = 10_000
"""Deletions that are remembered: only for answers that arrive after the news of a deletion."""


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
    """Records of one kind by namespace and name, and by the group that each was put with."""

    def __init__(self) -> None:
        self._records: dict[Key, RecordT] = {}
        self._groups: dict[object, dict[Key, None]] = {}
        self._group_of: dict[Key, object] = {}
        self._gone: dict[str, int] = {}

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._records))

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

    def groups(self) -> Iterable[Any]:
        """The groups that have records."""
        return list(self._groups)

    def group(self, value: object) -> list[RecordT]:
        """The records of one group."""
        return [self._records[key] for key in self._groups.get(value, ())]

    def put(self, key: Key, record: RecordT, group: object) -> bool:
        """Remember ``record``; False if the one that is known is as new or newer."""
        former, version = self._records.get(key), int(record.version)
        if former is not None and int(former.version) >= version:
            return False
        if version <= self._gone.get(record.uid, -1):
            return False  # the answer to a write, which comes after the news of the deletion
        hash(group)  # raises before anything is changed, if it cannot be a key
        self._leave_group(key)
        self._records[key] = record
        self._group_of[key] = group
        self._groups.setdefault(group, {})[key] = None
        return True

    def remove(self, key: Key, version: str = "") -> RecordT | None:
        """Forget the object, which was deleted in this version; its record."""
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
