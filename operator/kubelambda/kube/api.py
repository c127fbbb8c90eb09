"""The port through which everything reaches the API server, and the types of its requests.

Contract: plain dictionaries in and out; errors are those of ``kube.errors``. Drivers:
``kube.client`` for a real API server, ``kube.memory`` for tests and trials. Both pass the suite in
``tests/conformance/kube_api``.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from kubelambda.kube.paths import Resource

Manifest = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    items: list[Manifest] = field(repr=False)
    version: str
    """The resourceVersion of the whole list: where a watch continues it."""
    token: str = ""
    """Asks for the next page; empty with the last one."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """ADDED, MODIFIED, DELETED or BOOKMARK, which brings nothing but a resourceVersion."""

    type: str
    manifest: Manifest = field(repr=False)


class ObjectWrites(Protocol):
    """What publishes versions and writes statuses: on a cluster, and in local mode (``local``)."""

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Manifest:
        """The object; NotFoundError if there is none."""
        ...

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        manifest: Manifest,
        *,
        manager: str,
        strict: bool = False,
    ) -> Manifest:
        """POST; AlreadyExistsError if the name is taken. Unknown fields are refused if ``strict``.

        Else they are dropped.
        """
        ...

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        content: Manifest | list[Manifest],
        *,
        manager: str,
        subresource: str = "",
        content_type: str = MERGE_PATCH,
    ) -> Manifest:
        """PATCH of an object or of a subresource; ``content`` is a list for JSON_PATCH only.

        ConflictError if the content's resourceVersion or uid is not the current one.
        """
        ...


class KubeApi(ObjectWrites, Protocol):
    """The requests that controllers send to an API server."""

    def list_pages(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        page_items: int = 100,
        metadata_only: bool = False,
    ) -> AsyncIterator[list[Manifest]]:
        """All objects, a page at a time. A list is complete only if it ends without an error."""
        ...

    async def read_page(
        self, resource: Resource, namespace: str | None, *, token: str = "", page_items: int = 100
    ) -> Page:
        """A page of a list; ExpiredError if ``token``, of the page before, is too old."""
        ...

    def watch(
        self, resource: Resource, namespace: str | None, since: str
    ) -> AsyncIterator[WatchEvent]:
        """What comes after the version ``since``, until the API server ends the watch.

        ExpiredError if it does not know any more what came after ``since``.
        """
        ...

    async def replace(
        self,
        resource: Resource,
        namespace: str | None,
        manifest: Manifest,
        *,
        subresource: str = "",
        strict: bool = False,
    ) -> Manifest:
        """PUT; ConflictError if its resourceVersion is no longer the current one."""
        ...

    async def apply(
        self, resource: Resource, namespace: str | None, manifest: Manifest, *, manager: str
    ) -> Manifest:
        """Server-side apply with force: ``manager`` owns exactly the fields of ``manifest``."""
        ...

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str,
        version: str = "",
    ) -> None:
        """DELETE of the object with just this uid; its dependants are deleted in the background.

        With ``version`` only if that is still its resourceVersion; ConflictError otherwise.
        """
        ...
