"""The catalog of a gateway on a cluster: list and watch of LambdaFunctions over plain HTTP.

Contract: never imports ``kubernetes``. Keeps its last good state while the API server is away (F5):
only a complete list removes what it does not hold. A watch that falls silent is ended after
WATCH_S and begun again, so a stalled stream costs at most about a minute (F6).
"""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from kubelambda.catalog.build import build_function
from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.function import FunctionRef

logger = logging.getLogger(__name__)

WATCH_S = 50
PAGE_ITEMS = 50
RETRY_S_MIN = 0.2
RETRY_S_MAX = 10.0
_GROUP_PATH = "/apis/kubelambda.io/v1alpha1"
_GONE = 410


class StaleVersionError(Exception):
    """The API server no longer knows the resource version: list again."""


class ClusterCatalog:
    """Feeds ``index`` from one API server until ``close``."""

    def __init__(
        self,
        index: FunctionIndex,
        *,
        url: str,
        ca_file: Path | None,
        token_file: Path | None,
        namespaces: tuple[str, ...] = (),
    ) -> None:
        self._index = index
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        self._scopes: tuple[str | None, ...] = namespaces or (None,)
        self._listed: set[str | None] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Begin to follow; returns at once, ``index.synced`` tells when the first list is in."""
        timeout = aiohttp.ClientTimeout(total=WATCH_S + 15, sock_connect=5)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        self._tasks = [asyncio.create_task(self._follow(scope)) for scope in self._scopes]

    async def close(self) -> None:
        """Stop following; the index keeps what it holds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _follow(self, namespace: str | None) -> None:
        version, delay_s = "", RETRY_S_MIN
        while True:
            try:
                if not version:
                    version = await self._list(namespace)
                    self._note_listed(namespace)
                version = await self._watch(namespace, version)
                delay_s = RETRY_S_MIN
            except StaleVersionError:
                version = ""
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError) as error:
                logger.warning(
                    "cannot follow functions of %s: %r; the last state stays, next try in %.1f s",
                    namespace or "the cluster",
                    error,
                    delay_s,
                )
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, RETRY_S_MAX)

    def _note_listed(self, namespace: str | None) -> None:
        self._listed.add(namespace)
        self._index.synced = len(self._listed) == len(self._scopes)

    async def _list(self, namespace: str | None) -> str:
        functions, token = [], ""
        while True:
            parameters = {"limit": str(PAGE_ITEMS)}
            if token:
                parameters["continue"] = token
            async with await self._get(namespace, parameters) as response:
                page = json.loads(await response.read())
            functions += [build_function(item) for item in page["items"]]
            token = page["metadata"].get("continue", "")
            if not token:
                self._index.replace(functions, namespace)
                return str(page["metadata"]["resourceVersion"])

    async def _watch(self, namespace: str | None, version: str) -> str:
        parameters = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_S),
        }
        async with await self._get(namespace, parameters) as response:
            async for line in _iter_lines(response.content):
                version = self._apply(json.loads(line))
        return version

    def _apply(self, event: dict[str, Any]) -> str:
        kind, manifest = event["type"], event["object"]
        if kind == "ERROR":
            raise StaleVersionError(manifest.get("message", ""))
        metadata = manifest["metadata"]
        if kind in ("ADDED", "MODIFIED"):
            self._index.put(build_function(manifest))
        elif kind == "DELETED":
            self._index.remove(FunctionRef(metadata["namespace"], metadata["name"]))
        return str(metadata["resourceVersion"])

    async def _get(
        self, namespace: str | None, parameters: dict[str, str]
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("start() comes first")
        scope = f"/namespaces/{namespace}" if namespace else ""
        headers = {"Accept": "application/json"}
        if self._token_file is not None:
            token = await asyncio.to_thread(self._token_file.read_text)
            headers["Authorization"] = f"Bearer {token.strip()}"
        response = await self._session.get(
            f"{self._url}{_GROUP_PATH}{scope}/lambdafunctions",
            params=parameters,
            headers=headers,
            ssl=self._tls if self._tls is not None else True,
        )
        if response.status == _GONE:
            response.release()
            raise StaleVersionError("410 Gone")
        response.raise_for_status()
        return response


async def _iter_lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length (aiohttp's own reader refuses lines over 64 KiB)."""
    buffer = bytearray()
    async for chunk in content.iter_any():
        buffer += chunk
        while (end := buffer.find(b"\n")) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            if line:
                yield line
