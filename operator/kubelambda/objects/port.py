"""The port ``Objects``: the objects of our kinds, wherever they are kept.

Contract: manifests are plain dictionaries, which the caller owns: a driver keeps none of them.
``kind`` is the name of a descriptor (``api.kinds``); a namespace is None for kinds that are in
none, and, where it says so, for all namespaces. Resource versions grow over all kinds. Objects
come without ``managedFields``. Errors: ``objects.errors``.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Manifest = dict[str, Any]
Change = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    items: list[Manifest] = field(repr=False)
    version: str
    """Of the whole list: a watch from here misses nothing and repeats nothing."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of an object."""

    type: Change
    manifest: Manifest = field(repr=False)

    @property
    def version(self) -> str:
        """Where a watch continues after this event."""
        return str(self.manifest["metadata"]["resourceVersion"])


class Objects(Protocol):
    """Get, list, watch, create, update and delete."""

    async def get(self, kind: str, namespace: str | None, name: str) -> Manifest:
        """The object; NotFoundError."""
        ...

    def list_pages(self, kind: str, namespace: str | None = None) -> AsyncIterator[Page]:
        """All objects of a namespace, or of all (None), a page at a time and at least one page.

        A list is complete only if it ends without an error; ExpiredError if it took too long.
        """
        ...

    def watch(self, kind: str, namespace: str | None, since: str) -> AsyncIterator[Event]:
        """The changes after the version ``since`` (of a page or an event), without an end.

        ExpiredError if they are not known any more: list again.
        """
        ...

    async def create(self, manifest: Manifest) -> Manifest:
        """The object as it is kept; AlreadyExistsError, InvalidError. A status is not taken."""
        ...

    async def update(self, manifest: Manifest) -> Manifest:
        """Replace everything but the status.

        ``metadata.resourceVersion`` says what was read: ConflictError if that is not the current
        version, InvalidError without one. An update that changes nothing changes no version; one
        that changes more than metadata raises ``metadata.generation``.
        """
        ...

    async def update_status(self, manifest: Manifest) -> Manifest:
        """Replace the status, and nothing else; otherwise as ``update``."""
        ...

    async def delete(
        self, kind: str, namespace: str | None, name: str, *, uid: str = "", version: str = ""
    ) -> None:
        """Delete the object, and in the background what it owns; NotFoundError.

        With ``uid`` or ``version`` only if these are the object's: ConflictError otherwise. An
        object with finalizers is deleted when the last of them has been taken away.
        """
        ...


async def list_all(
    objects: Objects, kind: str, namespace: str | None = None
) -> tuple[list[Manifest], str]:
    """A whole list, and the version to watch from."""
    items, version = [], ""
    async for page in objects.list_pages(kind, namespace):
        items += page.items
        version = version or page.version
    return items, version
