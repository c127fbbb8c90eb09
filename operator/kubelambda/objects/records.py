"""The tables of the SQLite driver, and the steps of its transactions.

Contract: each function runs within a transaction of its caller, in the thread that has the
connection. A file of a newer format is refused, never guessed at.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubelambda.objects.port import Change, Event, Manifest

FORMAT = 1
"""In the file's ``user_version``; raised only if the release before would misread the file."""
Key = tuple[str, str, str]
"""Kind, namespace (empty for objects that are in none) and name."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL UNIQUE,
    manifest TEXT NOT NULL, PRIMARY KEY (kind, namespace, name));
CREATE TABLE IF NOT EXISTS owners (
    owner_uid TEXT NOT NULL, uid TEXT NOT NULL, PRIMARY KEY (owner_uid, uid));
CREATE INDEX IF NOT EXISTS owners_by_uid ON owners (uid);
CREATE TABLE IF NOT EXISTS changes (
    version INTEGER PRIMARY KEY, type TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL,
    manifest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS versions (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO versions VALUES ('newest', 1), ('forgotten', 1);
"""
# Versions begin above 1: for a client of Kubernetes, version 0 stands for any version.


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened after a version."""

    events: Sequence[Event]
    newest: int
    """The version up to which this is everything."""
    is_expired: bool = False


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables that are missing; sqlite3.DatabaseError for a newer format."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > FORMAT:
        raise sqlite3.DatabaseError(
            f"the file was written by a newer release (format {found}, this one reads {FORMAT})"
        )
    connection.executescript(_SCHEMA)
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def find(connection: sqlite3.Connection, key: Key) -> Manifest | None:
    """The object, if there is one."""
    row = connection.execute(
        "SELECT manifest FROM objects WHERE kind = ? AND namespace = ? AND name = ?", key
    ).fetchone()
    return _read(row[0]) if row is not None else None


def find_all(
    connection: sqlite3.Connection, kind: str, namespace: str | None
) -> tuple[list[Manifest], str]:
    """The objects of a kind by namespace and name, and the newest version of all kinds."""
    rows = connection.execute(
        "SELECT manifest FROM objects WHERE kind = ?1 AND (?2 IS NULL OR namespace = ?2) "
        "ORDER BY namespace, name",
        (kind, namespace),
    )
    return [_read(text) for (text,) in rows], str(_read_version(connection, "newest"))


def put(connection: sqlite3.Connection, key: Key, manifest: Manifest, change: Change) -> Manifest:
    """Keep ``manifest`` under the next version; the object as it is kept."""
    kept = _stamp(connection, manifest)
    uid, text = kept["metadata"]["uid"], json.dumps(kept)
    connection.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?)", (*key, uid, text))
    connection.execute("DELETE FROM owners WHERE uid = ?", (uid,))
    connection.executemany(
        "INSERT OR IGNORE INTO owners VALUES (?, ?)",
        [(owner["uid"], uid) for owner in kept["metadata"].get("ownerReferences", ())],
    )
    _note(connection, key, kept, change)
    return kept


def remove(connection: sqlite3.Connection, manifest: Manifest, now: str) -> None:
    """Delete the object and whatever has no other owner; one with finalizers is only marked."""
    pending = [manifest]
    while pending:
        going = pending.pop()
        key, metadata = key_of(going), going["metadata"]
        if metadata.get("finalizers"):
            if "deletionTimestamp" not in metadata:
                put(connection, key, _mark_deleted(going, now), "MODIFIED")
            continue
        last = _stamp(connection, going)
        connection.execute("DELETE FROM objects WHERE uid = ?", (metadata["uid"],))
        connection.execute("DELETE FROM owners WHERE uid = ?", (metadata["uid"],))
        _note(connection, key, last, "DELETED")
        pending += [
            one for one in _find_owned(connection, metadata["uid"]) if is_orphan(connection, one)
        ]


def is_orphan(connection: sqlite3.Connection, manifest: Manifest) -> bool:
    """Whether the object has had owners, of which none exists any more."""
    owners = manifest["metadata"].get("ownerReferences", ())
    return bool(owners) and not any(
        connection.execute("SELECT 1 FROM objects WHERE uid = ?", (owner["uid"],)).fetchone()
        for owner in owners
    )


def list_changes(
    connection: sqlite3.Connection, kind: str, namespace: str | None, since: int
) -> Changes:
    """The changes after the version ``since``."""
    newest = _read_version(connection, "newest")
    if since < _read_version(connection, "forgotten") or since > newest:
        return Changes((), newest, is_expired=True)
    rows = connection.execute(
        "SELECT type, manifest FROM changes WHERE version > ?1 AND kind = ?2 "
        "AND (?3 IS NULL OR namespace = ?3) ORDER BY version",
        (since, kind, namespace),
    )
    return Changes([Event(change, _read(text)) for change, text in rows], newest)


def forget(connection: sqlite3.Connection, keep: int) -> None:
    """Compact the history to the last ``keep`` changes."""
    oldest = connection.execute(
        "SELECT version FROM changes ORDER BY version DESC LIMIT 1 OFFSET ?", (keep,)
    ).fetchone()
    if oldest is not None:
        connection.execute("DELETE FROM changes WHERE version <= ?", oldest)
        connection.execute("UPDATE versions SET value = ? WHERE name = 'forgotten'", oldest)


def key_of(manifest: Manifest) -> Key:
    """The key of an object that is kept."""
    metadata = manifest["metadata"]
    return (manifest["kind"], metadata.get("namespace", ""), metadata["name"])


def _find_owned(connection: sqlite3.Connection, uid: str) -> Iterator[Manifest]:
    rows = connection.execute(
        "SELECT manifest FROM objects JOIN owners USING (uid) WHERE owner_uid = ?", (uid,)
    ).fetchall()
    return (_read(text) for (text,) in rows)


def _mark_deleted(manifest: Manifest, now: str) -> Manifest:
    metadata = {**manifest["metadata"], "deletionTimestamp": now}
    if "generation" in metadata:
        metadata["generation"] += 1
    return {**manifest, "metadata": metadata}


def _stamp(connection: sqlite3.Connection, manifest: Manifest) -> Manifest:
    (version,) = connection.execute(
        "UPDATE versions SET value = value + 1 WHERE name = 'newest' RETURNING value"
    ).fetchone()
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": str(version)}}


def _note(connection: sqlite3.Connection, key: Key, manifest: Manifest, change: Change) -> None:
    version = int(manifest["metadata"]["resourceVersion"])
    row = (version, change, key[0], key[1], json.dumps(manifest))
    connection.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?)", row)


def _read_version(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute("SELECT value FROM versions WHERE name = ?", (name,)).fetchone()
    return int(value)


def _read(text: str) -> Manifest:
    manifest: Manifest = json.loads(text)
    return manifest
