"""Local mode's store, as the reconcilers of the controller write to it.

Contract: implements ``kube.api.ObjectWrites`` over the port ``Objects``, with the errors of
``kube.errors``. Patches are merge patches, which is all that those reconcilers send.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from kubelambda.kube import errors as kube_errors
from kubelambda.kube.api import MERGE_PATCH, Manifest
from kubelambda.kube.errors import KubeError
from kubelambda.kube.memory.patches import patch
from kubelambda.kube.paths import Resource
from kubelambda.objects import errors
from kubelambda.objects.errors import ObjectsError
from kubelambda.objects.port import Objects

_ERRORS: tuple[tuple[type[ObjectsError], type[KubeError]], ...] = (
    (errors.NotFoundError, kube_errors.NotFoundError),
    (errors.AlreadyExistsError, kube_errors.AlreadyExistsError),
    (errors.ConflictError, kube_errors.ConflictError),
    (errors.InvalidError, kube_errors.InvalidError),
    (errors.ForbiddenError, kube_errors.ForbiddenError),
    (errors.ObjectsError, kube_errors.UnavailableError),
)


class StoreWrites:
    """Writes to ``objects``."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Manifest:
        """The object."""
        with _translated():
            return await self._objects.get(resource.kind, namespace, name)

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        manifest: Manifest,
        *,
        manager: str,
        strict: bool = False,
    ) -> Manifest:
        """The object as it is kept; what the port does without is passed over."""
        del resource, namespace, manager, strict  # they stand in the manifest, or mean nothing here
        with _translated():
            return await self._objects.create(manifest)

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
        """The object after a merge patch; ConflictError if it says another version."""
        del manager
        with _translated():
            live = await self._objects.get(resource.kind, namespace, name)
            patched = patch(live, content, content_type)
            if subresource:
                return await self._objects.update_status(patched)
            return await self._objects.update(patched)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ObjectsError as error:
        kind = next(wanted for found, wanted in _ERRORS if isinstance(error, found))
        raise kind(error.message) from error
