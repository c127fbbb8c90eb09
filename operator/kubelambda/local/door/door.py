"""The door itself: from a request to the store and back.

Contract: implements ``gateway.routes.Door``. Every request is answered; what is not expected is
logged by the supervisor and answered 500. An object that stands in a file is read-only: a write to
its name is refused with 409 and the file's path.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from kubelambda.catalog.loaded import DocumentKey
from kubelambda.gateway.http.request import Request
from kubelambda.kube.api import MERGE_PATCH
from kubelambda.kube.memory.patches import patch
from kubelambda.local.door.answers import DELETED, build_error, build_list, build_status, encode
from kubelambda.local.door.discovery import find_discovery
from kubelambda.local.door.guard import find_refusal
from kubelambda.local.door.paths import (
    Target,
    find_cluster_kind,
    is_of_door,
    parse_path,
)
from kubelambda.local.door.watching import send_watch
from kubelambda.objects.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    NotFoundError,
    ObjectsError,
)
from kubelambda.objects.port import Manifest, Objects, list_all
from kubelambda.process.supervisor import Supervisor

BODY_BYTES_MAX = 3_145_728
"""As an API server's."""
_JSON = ("Content-Type", "application/json")
_TRIES = 5
FindFile = Callable[[DocumentKey], Path | None]


class BadRequestError(Exception):
    """The request cannot be understood."""


class ObjectDoor:
    """Serves the objects of ``objects``; ``find_file`` knows those of files."""

    def __init__(self, objects: Objects, find_file: FindFile, supervisor: Supervisor) -> None:
        self._objects = objects
        self._find_file = find_file
        self._supervisor = supervisor

    def owns(self, path: bytes) -> bool:
        """Whether requests with this path are its own."""
        return is_of_door(path)

    def limit_body(self, method: bytes, path: bytes) -> int:
        """The same for all requests."""
        del method, path
        return BODY_BYTES_MAX

    def serve(self, request: Request) -> None:
        """Answer ``request``, now or later."""
        has_body = bool(request.body) or request.over_limit is not None
        refusal = find_refusal(request.method, request.headers, has_body=has_body)
        if refusal is not None:
            _answer(request, refusal.status, build_status(refusal.status, refusal.message))
            return
        if request.over_limit is not None:
            message = f"an object has at most {BODY_BYTES_MAX} bytes"
            _answer(request, 413, build_status(413, message))
            return
        found = find_discovery(request.path) if request.method == b"GET" else None
        if found is not None:
            _answer(request, 200, found)
            return
        target = parse_path(request.path)
        if target is None:
            _answer(request, 404, build_status(404, _explain_absent(request.path)))
            return
        self._supervisor.spawn(
            "a request for an object",
            self._serve(request, target),
            on_error=lambda _: _answer(request, 500, build_status(500, "see local mode's output")),
        )

    async def _serve(self, request: Request, target: Target) -> None:
        query = dict(parse_qsl(request.query.decode("latin-1")))
        try:
            if request.method in (b"GET", b"HEAD") and query.get("watch") in ("1", "true"):
                await send_watch(self._objects, request, target, query)
                return
            status, content = await self._carry_out(request, target)
        except ObjectsError as error:
            status, content = build_error(error)
        except BadRequestError as error:
            status, content = 400, build_status(400, str(error))
        _answer(request, status, content)

    async def _carry_out(self, request: Request, target: Target) -> tuple[int, Manifest]:
        method = request.method
        if method in (b"GET", b"HEAD"):
            return 200, await self._read(target)
        content = _read_body(request)
        if method == b"POST" and not target.name:
            return 201, await self._create(target, content)
        if method == b"PUT" and target.name:
            return 200, await self._replace(target, content)
        if method == b"PATCH" and target.name:
            return 200, await self._patch(target, content)
        if method == b"DELETE" and target.name:
            await self._delete(target, content)
            return 200, dict(DELETED)
        raise BadRequestError(f"{method.decode()} has no meaning at this path")

    async def _read(self, target: Target) -> Manifest:
        kind = target.kind
        if target.name:
            return await self._objects.get(kind.name, target.namespace, target.name)
        items, version = await list_all(self._objects, kind.name, target.namespace)
        return build_list(kind, items, version)

    async def _create(self, target: Target, manifest: Manifest) -> Manifest:
        placed = _place(target, manifest)
        self._refuse_file(target, str(placed["metadata"].get("name")), AlreadyExistsError)
        return await self._objects.create(placed)

    async def _replace(self, target: Target, manifest: Manifest) -> Manifest:
        placed = _place(target, manifest)
        self._refuse_file(target, target.name, ConflictError)
        if target.subresource:
            return await self._objects.update_status(placed)
        return await self._objects.update(placed)

    async def _patch(self, target: Target, content: Manifest) -> Manifest:
        """A merge patch; for maps, which is all that it meets here, a strategic one is the same."""
        metadata = content.get("metadata")
        has_version = isinstance(metadata, dict) and "resourceVersion" in metadata
        tries_left = 1 if has_version else _TRIES
        while True:
            live = await self._objects.get(target.kind.name, target.namespace, target.name)
            tries_left -= 1
            try:
                return await self._replace(target, patch(live, content, MERGE_PATCH))
            except ConflictError:
                if not tries_left:
                    raise

    async def _delete(self, target: Target, options: Manifest) -> None:
        conditions = options.get("preconditions")
        wanted = conditions if isinstance(conditions, dict) else {}
        try:
            await self._objects.delete(
                target.kind.name,
                target.namespace,
                target.name,
                uid=str(wanted.get("uid") or ""),
                version=str(wanted.get("resourceVersion") or ""),
            )
        except NotFoundError:
            self._refuse_file(target, target.name, ConflictError)
            raise

    def _refuse_file(self, target: Target, name: str, kind: type[ObjectsError]) -> None:
        path = self._find_file((target.kind.name, target.namespace or "", name))
        if path is not None:
            raise kind(f"{target.kind.name} {name!r} stands in the file {path}; change it there")


def _explain_absent(path: bytes) -> str:
    kind = find_cluster_kind(path)
    if kind is None:
        return "local mode keeps nothing at this path"
    return f"a {kind.name} means nothing in local mode, which uses this machine's runtimes"


def _place(target: Target, manifest: Manifest) -> Manifest:
    """``manifest`` in the namespace and with the kind of the path."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict):
        raise InvalidError("metadata: must have fields of its own: name, namespace and others")
    for field, wanted, found in (
        ("metadata.namespace", target.namespace, metadata.get("namespace", target.namespace)),
        ("metadata.name", target.name or metadata.get("name"), metadata.get("name")),
        ("kind", target.kind.name, manifest.get("kind", target.kind.name)),
        ("apiVersion", target.kind.api_version, manifest.get("apiVersion")),
    ):
        if found != wanted:
            raise BadRequestError(f"{field} is another one than that of the request")
    return {
        **manifest,
        "kind": target.kind.name,
        "metadata": {**metadata, "namespace": target.namespace},
    }


def _read_body(request: Request) -> Manifest:
    try:
        content: Any = json.loads(request.body) if request.body else {}
    except (ValueError, RecursionError) as error:
        raise BadRequestError("the body is not JSON") from error
    if not isinstance(content, dict):
        raise BadRequestError("the body is not an object")
    return content


def _answer(request: Request, status: int, content: Manifest) -> None:
    request.respond(status, [_JSON, ("Cache-Control", "no-store")], encode(content))
