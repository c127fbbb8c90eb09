"""Which packages are collected: those that nothing has named for long.

Contract: pure. A package is named by objects: by the code of a function or of a version, by the
content of a layer, by the layers that a function's status remembers. An upload that nothing names
yet has the same time as a package that nothing names any more. The steps (``gateway.packages``
carries them out), and why no package in use can be lost:

- G0 renew: a process that serves a function as it was before an update (the update waits for its
  package) renews packages that it serves and no object names: others cannot know of them.
- G1 mark: a package that is not named gets a mark with its revision. A mark whose package is named,
  changes (by K4 every upload changes it) or is not listed is dropped. Marks are kept in memory: a
  process that starts waits anew.
- G2 wait: a mark that is as old as the retention makes its package due. Names may be read late or
  in part for a mark: a wrong one costs nothing but step G3.
- G3 withdraw: the due package is hidden, unless its revision has changed since it was marked. From
  here on nobody is told that it is there (K6), so nothing that is made from now on counts on it.
- G4 look again: all names are read once more, as they are at one moment after G3. A package that is
  named is restored; so is every package if the names cannot be read. Whatever was named before G3
  is seen here, since it is still named or is not in use any more.
- G5 sweep: the rest is deleted, each unless it was put again meanwhile (K5, K7).

Whoever vouches for a package looks for it after the object that names it exists, or puts it before:
a look that comes before the object would vouch for a package that G3 may still hide. Several
processes may do all this at once: each step acts on a revision, so the second one does nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kubelambda.core.packages.store import StoredPackage

SWEPT_MAX = 200
"""How many packages are withdrawn at a time: they are unavailable while names are read."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Since when nothing names the package, as far as is known; seconds of the caller's clock."""

    revision: str
    since_s: float


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """What one look at all packages has brought."""

    marks: Mapping[str, Mark]
    """By SHA-256; the ones to hand in next time."""
    due: tuple[StoredPackage, ...]
    """To be withdrawn: at most SWEPT_MAX, those marked longest ago first."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What becomes of withdrawn packages."""

    restored: tuple[StoredPackage, ...]
    deleted: tuple[StoredPackage, ...]


def plan_collection(
    stored: Iterable[StoredPackage],
    named: Collection[str],
    marks: Mapping[str, Mark],
    *,
    now_s: float,
    retention_s: float,
) -> CollectionPlan:
    """G1 and G2; ``named`` are SHA-256, ``marks`` those of the last plan."""
    unnamed = [one for one in stored if one.sha256 not in named and not one.withdrawn]
    marked = {one.sha256: _mark(one, marks.get(one.sha256), now_s) for one in unnamed}
    due = [one for one in unnamed if now_s - marked[one.sha256].since_s >= retention_s]
    due.sort(key=lambda one: marked[one.sha256].since_s)
    return CollectionPlan(marked, tuple(due[:SWEPT_MAX]))


def settle(withdrawn: Iterable[StoredPackage], named: Collection[str]) -> Settlement:
    """G4 and G5; ``named`` was read after all of ``withdrawn`` were withdrawn."""
    every = tuple(withdrawn)
    return Settlement(
        restored=tuple(one for one in every if one.sha256 in named),
        deleted=tuple(one for one in every if one.sha256 not in named),
    )


def _mark(package: StoredPackage, former: Mark | None, now_s: float) -> Mark:
    if former is not None and former.revision == package.revision:
        return former
    return Mark(package.revision, now_s)
