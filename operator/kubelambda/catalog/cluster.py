"""The catalog of a gateway on a cluster: lists and watches over plain HTTP.

Contract: never imports ``kubernetes``. Keeps its last good state while the API server is away (F5):
only a complete list removes what it does not hold. A watch that falls silent is ended after
WATCH_S and begun again, so a stalled stream costs at most about a minute (F6).
"""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from kubelambda.catalog.build import build_function
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.layered_index import LayeredIndex
from kubelambda.catalog.layers import ObjectKey, build_layer_version
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

WATCH_S = 50
PAGE_ITEMS = 50
RETRY_S_MIN = 0.2
RETRY_S_MAX = 10.0
_GROUP_PATH = "/apis/kubelambda.io/v1alpha1"
_GONE = 410


class StaleVersionError(Exception):
    """The API server no longer knows the resource version: list again."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Where the objects of one resource go; ``read`` keeps of one what the index needs."""

    plural: str
    read: Callable[[Mapping[str, Any]], Any]
    put: Callable[[Any], None]
    remove: Callable[[ObjectKey], None]
    replace: Callable[[list[Any], str | None], None]


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
        joined = LayeredIndex(index)
        self._functions = Feed(
            "lambdafunctions",
            build_function,
            joined.put_function,
            joined.remove_function,
            joined.replace_functions,
        )
        self._layers = Feed(
            "lambdalayers",
            build_layer_version,
            joined.put_layer,
            joined.remove_layer,
            joined.replace_layers,
        )
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        self._scopes: tuple[str | None, ...] = namespaces or (None,)
        self._listed: set[tuple[str, str | None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self, supervisor: Supervisor) -> None:
        """Begin to follow, until ``supervisor`` is closed; returns at once.

        ``index.synced`` tells when the first list is in.
        """
        timeout = aiohttp.ClientTimeout(total=WATCH_S + 15, sock_connect=5)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        for feed in (self._functions, self._layers):
            for scope in self._scopes:
                name = f"the catalog of {feed.plural} in {scope or 'the cluster'}"
                supervisor.keep(name, partial(self._follow, feed, scope))

    async def close(self) -> None:
        """Close the connections, once the supervisor is closed; the index keeps what it holds."""
        if self._session is not None:
            await self._session.close()

    async def _follow(self, feed: Feed, namespace: str | None) -> None:
        version, delay_s = "", RETRY_S_MIN
        while True:
            try:
                if not version:
                    version = await self._list(feed, namespace)
                    self._note_listed(feed, namespace)
                version = await self._watch(feed, namespace, version)
                delay_s = RETRY_S_MIN
            except StaleVersionError:
                version = ""
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError) as error:
                logger.warning(
                    "cannot follow %s of %s: %r; the last state stays, next try in %.1f s",
                    feed.plural,
                    namespace or "the cluster",
                    error,
                    delay_s,
                )
                if feed is self._layers:
                    self._note_listed(feed, namespace)  # no function without layers waits for it
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, RETRY_S_MAX)

    def _note_listed(self, feed: Feed, namespace: str | None) -> None:
        self._listed.add((feed.plural, namespace))
        self._index.synced = len(self._listed) == 2 * len(self._scopes)

    async def _list(self, feed: Feed, namespace: str | None) -> str:
        values, token = [], ""
        while True:
            parameters = {"limit": str(PAGE_ITEMS)}
            if token:
                parameters["continue"] = token
            async with await self._get(feed, namespace, parameters) as response:
                page = json.loads(await response.read())
            values += [feed.read(item) for item in page.get("items") or ()]
            token = page["metadata"].get("continue", "")
            if not token:
                feed.replace(values, namespace)
                return str(page["metadata"]["resourceVersion"])

    async def _watch(self, feed: Feed, namespace: str | None, version: str) -> str:
        parameters = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_S),
        }
        async with await self._get(feed, namespace, parameters) as response:
            async for line in _iter_lines(response.content):
                version = _apply(feed, json.loads(line))
        return version

    async def _get(
        self, feed: Feed, namespace: str | None, parameters: dict[str, str]
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("start() comes first")
        scope = f"/namespaces/{namespace}" if namespace else ""
        headers = {"Accept": "application/json"}
        if self._token_file is not None:
            token = await asyncio.to_thread(self._token_file.read_text)
            headers["Authorization"] = f"Bearer {token.strip()}"
        response = await self._session.get(
            f"{self._url}{_GROUP_PATH}{scope}/{feed.plural}",
            params=parameters,
            headers=headers,
            ssl=self._tls if self._tls is not None else True,
        )
        if response.status == _GONE:
            response.release()
            raise StaleVersionError("410 Gone")
        response.raise_for_status()
        return response


def _apply(feed: Feed, event: dict[str, Any]) -> str:
    kind, manifest = event["type"], event["object"]
    if kind == "ERROR":
        raise StaleVersionError(manifest.get("message", ""))
    metadata = manifest["metadata"]
    if kind in ("ADDED", "MODIFIED"):
        feed.put(feed.read(manifest))
    elif kind == "DELETED":
        feed.remove((metadata["namespace"], metadata["name"]))
    return str(metadata["resourceVersion"])


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
