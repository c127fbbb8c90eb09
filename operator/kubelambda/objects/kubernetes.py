"""The driver over an API server.

Contract: ``objects.port.Objects``. Each method is one request, but for a delete without a uid,
which reads the object first. A watch goes on by itself when the API server ends it.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import cast

from kubelambda.api.admission import Cause
from kubelambda.api.kinds import Kind
from kubelambda.kube import errors as kube_errors
from kubelambda.kube.api import KubeApi
from kubelambda.kube.errors import KubeError
from kubelambda.kube.paths import Resource, resource_of
from kubelambda.objects.errors import (
    AlreadyExistsError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ObjectsError,
    UnavailableError,
)
from kubelambda.objects.identity import find_kind, identify, require_status, require_version
from kubelambda.objects.port import Change, Event, Manifest, Page

MANAGER = "kubelambda-objects"
_ERRORS: tuple[tuple[type[KubeError], type[ObjectsError]], ...] = (
    (kube_errors.NotFoundError, NotFoundError),
    (kube_errors.AlreadyExistsError, AlreadyExistsError),
    (kube_errors.ConflictError, ConflictError),
    (kube_errors.ExpiredError, ExpiredError),
    (kube_errors.ForbiddenError, ForbiddenError),
    (kube_errors.TooManyRequestsError, UnavailableError),
    (kube_errors.UnavailableError, UnavailableError),
)
_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"')
_TRIES = 5


class KubernetesObjects:
    """Objects of the cluster behind ``api``; ``manager`` is the field manager of its writes."""

    def __init__(self, api: KubeApi, *, manager: str = MANAGER) -> None:
        self._api = api
        self._manager = manager

    async def get(self, kind: str, namespace: str | None, name: str) -> Manifest:
        """The object."""
        with _translated():
            return _strip(await self._api.get(_resource(find_kind(kind)), namespace, name))

    async def list_pages(self, kind: str, namespace: str | None = None) -> AsyncIterator[Page]:
        """All objects, a page at a time."""
        resource, token, version = _resource(find_kind(kind)), "", ""
        while True:
            with _translated():
                page = await self._api.read_page(resource, namespace, token=token)
            version = version or page.version
            yield Page([_strip(item) for item in page.items], version)
            token = page.token
            if not token:
                return

    async def watch(self, kind: str, namespace: str | None, since: str) -> AsyncIterator[Event]:
        """The changes after the version ``since``."""
        resource, version = _resource(find_kind(kind)), since
        while True:
            with _translated():
                async for event in self._api.watch(resource, namespace, version):
                    version = event.manifest["metadata"]["resourceVersion"]
                    if event.type != "BOOKMARK":
                        yield Event(cast("Change", event.type), _strip(event.manifest))

    async def create(self, manifest: Manifest) -> Manifest:
        """The object as it is kept."""
        kind, namespace, _ = identify(manifest)
        with _translated():
            made = await self._api.create(
                _resource(kind), namespace, manifest, manager=self._manager, strict=True
            )
        return _strip(made)

    async def update(self, manifest: Manifest) -> Manifest:
        """Replace everything but the status."""
        return await self._replace(manifest, "")

    async def update_status(self, manifest: Manifest) -> Manifest:
        """Replace the status."""
        return await self._replace(manifest, "status")

    async def delete(
        self, kind: str, namespace: str | None, name: str, *, uid: str = "", version: str = ""
    ) -> None:
        """Delete the object."""
        resource = _resource(find_kind(kind))
        for tries_left in reversed(range(_TRIES)):
            with _translated():
                meant = uid or (await self._api.get(resource, namespace, name))["metadata"]["uid"]
                try:
                    await self._api.delete(resource, namespace, name, uid=meant, version=version)
                except kube_errors.ConflictError:  # made again since it was read
                    if uid or version or not tries_left:
                        raise
                else:
                    return

    async def _replace(self, manifest: Manifest, subresource: str) -> Manifest:
        kind, namespace, _ = identify(manifest)
        require_version(kind, manifest)
        if subresource:
            require_status(kind)
        with _translated():
            replaced = await self._api.replace(
                _resource(kind), namespace, manifest, subresource=subresource, strict=True
            )
        return _strip(replaced)


def _resource(kind: Kind) -> Resource:
    return resource_of(kind.name)


def _strip(manifest: Manifest) -> Manifest:
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "managedFields"}
    return {**manifest, "metadata": metadata}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except KubeError as error:
        raise _translate(error) from error


def _translate(error: KubeError) -> ObjectsError:
    if isinstance(error, kube_errors.InvalidError):
        return InvalidError(error.message, _list_causes(error))
    for found, wanted in _ERRORS:
        if isinstance(error, found):
            return wanted(error.message)
    return ObjectsError(error.message)


def _list_causes(error: KubeError) -> list[Cause]:
    if error.causes:
        return [Cause(field, message) for field, message in error.causes]
    unknown = _UNKNOWN_FIELD.findall(error.message)
    return [Cause(field, "there is no such field") for field in unknown]
