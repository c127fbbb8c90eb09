"""Packages over HTTP: uploads on the public listener; on the internal one downloads by agents, and
the controller's question which are there (``core.wire.package_lookup``).

Contract: an upload waits on disk until it is whole (``gateway.http.spool``), and is answered when
the store has it durable; its name must be its SHA-256, and it must be a zip that environments can
unpack (``core.packages.zip_check``). A download needs the proof of a function that names the
package as its code or as a layer; anything else is 401 or 404, which reveal nothing. A layer that
is only remembered may still come, by its object or from another gateway: 503 until it does, since a
404 is final for an agent.
"""

import asyncio
import base64
import logging
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, BinaryIO

from kubelambda.core import errors
from kubelambda.core.access.authorizer import ALLOWED, PUT_PACKAGE, Authorizer
from kubelambda.core.access.principal import Principal
from kubelambda.core.access.resource import PackageResource
from kubelambda.core.errors import ApiError
from kubelambda.core.model.code import InlineZip
from kubelambda.core.model.function import Function
from kubelambda.core.packages.store import (
    PACKAGE_BYTES_MAX,
    PackageNotFoundError,
    PackagesUnavailableError,
    is_sha256,
)
from kubelambda.core.packages.zip_check import check_package
from kubelambda.core.ports import Catalog
from kubelambda.core.wire.package_lookup import (
    LOOKUP_PATH,
    MalformedLookupError,
    decode_lookup,
    encode_missing,
)
from kubelambda.core.wire.package_transfer import (
    AUTHORIZATION_HEADER,
    PACKAGES_PATH,
    UPLOAD_PATH,
    is_authorized,
    read_authorization,
)
from kubelambda.gateway.http.request import Request
from kubelambda.gateway.http.spool import SpoolError
from kubelambda.gateway.invoke.failure import answer_error, answer_failure
from kubelambda.gateway.invoke.signed import is_signed
from kubelambda.gateway.packages.package_cache import PackageCache
from kubelambda.process.signatures import Signatures
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

PART_BYTES = 262_144
STORING_MAX = 2
"""How many whole packages are in memory at a time; the others wait on disk."""
_UPLOAD, _DOWNLOAD = UPLOAD_PATH.encode(), PACKAGES_PATH.encode()
_LOOKUP = LOOKUP_PATH.encode()
_AUTHORIZATION = AUTHORIZATION_HEADER.encode()
_JSON = ("Content-Type", "application/json")
_ZIP = ("Content-Type", "application/zip")

DeriveKey = Callable[[str, int], bytes | None]


def is_upload(method: bytes, path: bytes) -> bool:
    """Whether the public listener has got a package."""
    return method == b"PUT" and path.startswith(_UPLOAD)


def is_download(method: bytes, path: bytes) -> bool:
    """Whether an agent asks for a package."""
    return method == b"GET" and path.startswith(_DOWNLOAD)


def is_lookup(method: bytes, path: bytes) -> bool:
    """Whether the controller asks which packages are there."""
    return method == b"POST" and path == _LOOKUP


class PackageApi:
    """Serves all of them; ``cache`` is None if the installation keeps no packages."""

    def __init__(
        self,
        cache: PackageCache | None,
        catalog: Catalog,
        derive_key: DeriveKey,
        *,
        signatures: Signatures,
        authorizer: Authorizer,
        supervisor: Supervisor,
    ) -> None:
        self._cache = cache
        self._catalog = catalog
        self._derive_key = derive_key
        self._signatures = signatures
        self._authorizer = authorizer
        self._supervisor = supervisor
        self._storing = asyncio.Semaphore(STORING_MAX)

    def serve_upload(self, request: Request, principal: Principal) -> None:
        """Keep a package that a client sends."""
        request.request_id = str(uuid.uuid4())
        name = request.path[len(_UPLOAD) :].decode("latin-1")
        refusal = self._judge_upload(request, principal, name)
        if refusal is not None:
            answer_error(request, refusal)
        elif self._cache is not None:
            self._serve_later(request, "keeping a package", self._keep(request, name, self._cache))

    def serve_download(self, request: Request) -> None:
        """Give an agent its function's package."""
        name = request.path[len(_DOWNLOAD) :].decode("latin-1")
        header = request.headers.get(_AUTHORIZATION, b"").decode("latin-1")
        function = self._find_asker(header, name) if is_sha256(name) else None
        if function is None:
            request.respond(401, [])
            return
        layer = function.find_layer(name)
        absent = 503 if layer is not None and layer.remembered else 404
        content = layer.content if layer is not None else None
        if isinstance(content, InlineZip):
            request.respond(200, [_ZIP], base64.b64decode(content.base64))
        elif self._cache is None:
            request.respond(absent, [])
        else:
            work = self._give(request, name, self._cache, absent)
            self._serve_later(request, "giving a package", work)

    def serve_lookup(self, request: Request) -> None:
        """Tell the controller which packages are missing."""
        if request.over_limit is not None:
            request.respond(413, [])
        elif not is_signed(request, self._signatures, LOOKUP_PATH):
            request.respond(401, [])
        elif self._cache is None:
            request.respond(501, [])
        else:
            self._serve_later(request, "looking for packages", self._look_up(request, self._cache))

    def _judge_upload(self, request: Request, principal: Principal, name: str) -> ApiError | None:
        if not is_sha256(name):
            return errors.invalid_parameter("a package is named by its SHA-256, 64 hex digits")
        decision = self._authorizer.authorize(principal, PUT_PACKAGE, PackageResource(name))
        if decision is not ALLOWED:
            return decision
        if self._cache is None:
            return errors.not_built("packages need a store (queue.url); none is configured here")
        if request.over_limit is not None:
            return ApiError(
                413,
                "RequestEntityTooLargeException",
                f"Zipped size must be smaller than {PACKAGE_BYTES_MAX} bytes",
            )
        return None

    async def _keep(self, request: Request, name: str, cache: PackageCache) -> None:
        try:
            async with self._storing:
                content = await _read_upload(request)
                await asyncio.to_thread(check_package, content)
                await cache.put(name, content)
        except ValueError as error:
            answer_error(request, errors.invalid_parameter(str(error)))
        except (PackagesUnavailableError, SpoolError) as error:
            logger.warning("a package was refused: %s", error)
            answer_error(request, errors.unavailable("the store of packages is not available"))
        else:
            request.respond(201, [_JSON], b'{"sha256":"%b"}' % name.encode())
        finally:
            request.release()

    async def _look_up(self, request: Request, cache: PackageCache) -> None:
        try:
            missing = await cache.list_missing(decode_lookup(request.body))
        except MalformedLookupError:
            request.respond(400, [])
        except PackagesUnavailableError as error:
            logger.warning("packages cannot be looked for: %s", error)
            request.respond(503, [])
        else:
            request.respond(200, [_JSON], encode_missing(missing))

    def _find_asker(self, header: str, name: str) -> Function | None:
        """The function whose agent has proved that it may fetch ``name``."""
        named = read_authorization(header)
        if named is None:
            return None
        uid, generation, _ = named
        key, function = self._derive_key(uid, generation), self._catalog.find_by_uid(uid)
        if key is None or function is None or name not in function.packages:
            return None
        return function if is_authorized(key, header, name, int(time.time())) else None

    async def _give(self, request: Request, name: str, cache: PackageCache, absent: int) -> None:
        try:
            file, size = await cache.open(name)
        except PackageNotFoundError:
            request.respond(absent, [])
        except PackagesUnavailableError as error:
            logger.warning("package %s: %s", name, error)
            request.respond(503, [])
        else:
            with file:
                await _send_file(request, file, size)

    def _serve_later(self, request: Request, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._supervisor.spawn(name, work, on_error=lambda _: answer_failure(request))


async def _read_upload(request: Request) -> bytes:
    return await request.upload.read() if request.upload is not None else request.body


async def _send_file(request: Request, file: BinaryIO, size: int) -> None:
    """Send it as fast as the agent takes it; one part at a time is in memory."""
    writable = asyncio.Event()
    request.on_writable = writable.set
    request.on_gone = writable.set
    request.begin(200, [_ZIP], size)
    while part := await asyncio.to_thread(file.read, PART_BYTES):
        writable.clear()
        if not request.send(part) and not request.gone:
            await writable.wait()
        if request.gone:
            return
    request.end()
