"""Packages over HTTP: uploads on the public listener, downloads by agents on the internal one.

Contract: an upload is answered when the store has it durable; its name must be its SHA-256. A
download needs the proof of a function that names the package as its code or as a layer; anything
else is 401 or 404, which tell nothing of what exists.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import BinaryIO

from kubelambda.core import errors
from kubelambda.core.errors import ApiError
from kubelambda.core.packages import (
    AUTHORIZATION_HEADER,
    PACKAGE_BYTES_MAX,
    PACKAGES_PATH,
    UPLOAD_PATH,
    PackageNotFoundError,
    PackagesUnavailableError,
    is_authorized,
    is_sha256,
    read_authorization,
)
from kubelambda.core.ports import Catalog
from kubelambda.gateway.package_cache import PackageCache
from kubelambda.gateway.request import Request

logger = logging.getLogger(__name__)

PART_BYTES = 262_144
_UPLOAD, _DOWNLOAD = UPLOAD_PATH.encode(), PACKAGES_PATH.encode()
_AUTHORIZATION = AUTHORIZATION_HEADER.encode()
_JSON = ("Content-Type", "application/json")

DeriveKey = Callable[[str, int], bytes | None]


def is_upload(method: bytes, path: bytes) -> bool:
    """Whether the public listener has got a package."""
    return method == b"PUT" and path.startswith(_UPLOAD)


def is_download(method: bytes, path: bytes) -> bool:
    """Whether an agent asks for a package."""
    return method == b"GET" and path.startswith(_DOWNLOAD)


class PackageApi:
    """Serves both ends; ``cache`` is None where the installation keeps no packages."""

    def __init__(
        self,
        cache: PackageCache | None,
        catalog: Catalog,
        derive_key: DeriveKey,
        *,
        anonymous: bool,
    ) -> None:
        self._cache = cache
        self._catalog = catalog
        self._derive_key = derive_key
        self._anonymous = anonymous
        self._tasks: set[asyncio.Task[None]] = set()

    def serve_upload(self, request: Request) -> None:
        """Keep a package that a client sends."""
        name = request.path[len(_UPLOAD) :].decode("latin-1")
        refusal = self._judge_upload(request, name)
        if refusal is not None:
            _refuse(request, refusal)
        elif self._cache is not None:
            self._spawn(self._keep(request, name, self._cache))

    def serve_download(self, request: Request) -> None:
        """Give an agent its function's package."""
        name = request.path[len(_DOWNLOAD) :].decode("latin-1")
        header = request.headers.get(_AUTHORIZATION, b"").decode("latin-1")
        if not is_sha256(name) or not self._may_fetch(header, name):
            request.respond(401, [])
        elif self._cache is None:
            request.respond(404, [])
        else:
            self._spawn(self._give(request, name, self._cache))

    def _judge_upload(self, request: Request, name: str) -> ApiError | None:
        if not self._anonymous:
            return ApiError(403, "AccessDeniedException", "Anonymous uploads are off")
        if self._cache is None:
            return errors.not_built("packages need a store (queue.url); none is configured here")
        if request.over_limit:
            return ApiError(
                413,
                "RequestEntityTooLargeException",
                f"Zipped size must be smaller than {PACKAGE_BYTES_MAX} bytes",
            )
        if not is_sha256(name):
            return errors.invalid_parameter("a package is named by its SHA-256, 64 hex digits")
        return None

    async def _keep(self, request: Request, name: str, cache: PackageCache) -> None:
        try:
            await cache.put(name, request.body)
        except ValueError as error:
            _refuse(request, errors.invalid_parameter(str(error)))
        except PackagesUnavailableError as error:
            logger.warning("a package was refused: %s", error)
            _refuse(request, errors.unavailable("the store of packages is not available"))
        else:
            request.respond(201, [_JSON], b'{"sha256":"%b"}' % name.encode())

    def _may_fetch(self, header: str, name: str) -> bool:
        named = read_authorization(header)
        if named is None:
            return False
        uid, generation, _ = named
        key, function = self._derive_key(uid, generation), self._catalog.find_by_uid(uid)
        if key is None or function is None or name not in function.packages:
            return False
        return is_authorized(key, header, name, int(time.time()))

    async def _give(self, request: Request, name: str, cache: PackageCache) -> None:
        try:
            file, size = await cache.open(name)
        except PackageNotFoundError:
            request.respond(404, [])
        except PackagesUnavailableError as error:
            logger.warning("package %s: %s", name, error)
            request.respond(503, [])
        else:
            with file:
                await _send_file(request, file, size)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _send_file(request: Request, file: BinaryIO, size: int) -> None:
    """As fast as the agent takes it, a part in memory at a time."""
    writable = asyncio.Event()
    request.on_writable = writable.set
    request.on_gone = writable.set
    request.begin(200, [("Content-Type", "application/zip")], size)
    while part := await asyncio.to_thread(file.read, PART_BYTES):
        writable.clear()
        if not request.send(part) and not request.gone:
            await writable.wait()
        if request.gone:
            return
    request.end()


def _refuse(request: Request, error: ApiError) -> None:
    headers = [_JSON, ("x-amzn-ErrorType", error.code)]
    if error.retry_after_s is not None:
        headers.append(("Retry-After", str(error.retry_after_s)))
    request.respond(error.status, headers, error.body())
