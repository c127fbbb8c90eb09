"""The catalog of a gateway on a cluster: lists and watches over plain HTTP.

Contract: never imports ``kubernetes``. Keeps its last good state while the API server cannot be
reached (F5): only a complete list removes functions. A watch that falls silent is ended after
SILENT_S and begun again, so a stalled stream costs at most about a minute (F6). A watch that breaks
continues from the last resource version. ``watch_state`` decides what lists, events and replays
mean. Functions are served whether or not layers, versions and aliases can be listed: the CRDs or
rights of the installation may be of an older release.
"""

import asyncio
import json
import logging
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from kubelambda.catalog.build import (
    NotPublishedError,
    build_alias,
    build_function,
    build_unreadable,
    build_unreadable_version,
    build_version,
)
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.layered_index import LayeredIndex
from kubelambda.catalog.layers import build_layer_version
from kubelambda.catalog.watch_state import Resource, StaleListError, StaleVersionError, WatchState
from kubelambda.core.backoff import add_jitter, exponential_delay_s
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.process.supervisor import Supervisor

logger = logging.getLogger(__name__)

WATCH_S = 50
SILENT_S = 65.0
"""A list or a watch that takes longer has stalled: the server ends a watch itself before."""
WATCH_S_MIN = 1.0
"""A watch that ends sooner and brought nothing counts as failed, even if it ended without error."""
PAGE_ITEMS = 50
RETRY_S_MIN = 0.2
RETRY_S_MAX = 10.0
FAILURES_BEFORE_LIST = 3
"""After so many failed tries a list comes first: a watch alone cannot get over some failures, such
as a resource version from before a restore of etcd."""
_GROUP_PATH = "/apis/kubelambda.io/v1alpha1"
_FUNCTIONS, _LAYERS = "lambdafunctions", "lambdalayers"
_VERSIONS, _ALIASES = "lambdaversions", "lambdaaliases"
_NO_SUCH_RESOURCE = 404
_GONE = 410
_FAILURES = (
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    StaleListError,
)
"""Failures of the network, and of answers that are not what the API server writes."""


class _NoSuchResourceError(OSError):
    """The API server does not know this kind of objects, so there are none."""


class ClusterCatalog:
    """Fills ``index`` from one API server until ``close``."""

    def __init__(
        self,
        index: FunctionIndex,
        *,
        url: str,
        ca_file: Path | None,
        token_file: Path | None,
        namespaces: tuple[str, ...] = (),
        retry_s_min: float = RETRY_S_MIN,
        silent_s: float = SILENT_S,
    ) -> None:
        self._index = index
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        self._retry_s_min = retry_s_min
        self._silent_s = silent_s
        resources = _build_resources(LayeredIndex(index), index)
        self._states = [
            WatchState(resource, namespace)
            for resource in resources
            for namespace in namespaces or (None,)
        ]
        self._unasked = set(self._states)
        """What the first list has not come of, nor a failure that nobody needs to wait for."""
        self._unlisted_versions = {
            state for state in self._states if state.resource.plural in (_VERSIONS, _ALIASES)
        }
        index.versions_synced = False
        self._session: aiohttp.ClientSession | None = None

    async def start(self, supervisor: Supervisor) -> None:
        """Begin to follow, until ``supervisor`` is closed; returns at once.

        ``index.synced`` tells when the first list is in.
        """
        timeout = aiohttp.ClientTimeout(total=self._silent_s, sock_connect=5)
        self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        for state in self._states:
            supervisor.keep(f"the catalog of {state}", partial(self._follow, state))

    async def close(self) -> None:
        """Close the connections, once the supervisor is closed; the index keeps what it holds."""
        if self._session is not None:
            await self._session.close()

    async def _follow(self, state: WatchState) -> None:
        """List and watch for ever; failures in a row delay the next try and cause a new list."""
        failures = 0
        while True:
            taken_before = state.events_taken
            problem = await self._try(state)
            if not problem or state.events_taken != taken_before:
                failures = 0
            if not problem:
                continue
            failures += 1
            if failures >= FAILURES_BEFORE_LIST:
                state.list_again()
            if state.resource.plural != _FUNCTIONS:
                self._note_asked(state)
            delay_s = self._choose_delay(failures)
            logger.warning(
                "cannot follow %s: %s; the last state stays, next try in %.1f s",
                state,
                problem,
                delay_s,
            )
            await asyncio.sleep(delay_s)

    async def _try(self, state: WatchState) -> str:
        """List if that is due, then watch to the end; returns what went wrong, or nothing."""
        loop = asyncio.get_running_loop()
        try:
            if not state.version:
                await self._list(state)
                self._note_listed(state)
                self._note_asked(state)
            taken_before, begun_s = state.events_taken, loop.time()
            await self._watch(state)
        except StaleVersionError as error:
            state.list_again()
            return f"the watch cannot go on ({error})"
        except _NoSuchResourceError as error:
            self._note_listed(state)
            return str(error)
        except _FAILURES as error:
            return repr(error)
        if state.events_taken == taken_before and loop.time() - begun_s < WATCH_S_MIN:
            return "the watch ended as soon as it had begun"
        return ""

    def _choose_delay(self, failures: int) -> float:
        """Spread, so that gateways that lost the API server together do not return together."""
        longest_s = exponential_delay_s(failures - 1, self._retry_s_min, RETRY_S_MAX)
        return add_jitter(longest_s, random.random())  # noqa: S311  # jitter, no secret

    def _note_listed(self, state: WatchState) -> None:
        self._unlisted_versions.discard(state)
        self._index.versions_synced = not self._unlisted_versions

    def _note_asked(self, state: WatchState) -> None:
        self._unasked.discard(state)
        self._index.synced = not self._unasked

    async def _list(self, state: WatchState) -> None:
        records, token = [], ""
        while True:
            parameters = {"limit": str(PAGE_ITEMS)}
            if token:
                parameters["continue"] = token
            async with await self._get(state, parameters) as response:
                page = json.loads(await response.read())
            records += [one for item in page.get("items") or () if (one := state.read(item))]
            token = page["metadata"].get("continue", "")
            if not token:
                state.take_list(records, str(page["metadata"]["resourceVersion"]))
                return

    async def _watch(self, state: WatchState) -> None:
        parameters = {
            "watch": "1",
            "resourceVersion": state.version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_S),
        }
        async with await self._get(state, parameters) as response:
            async for line in _iter_lines(response.content):
                state.take_event(_decode_line(line))

    async def _get(self, state: WatchState, parameters: dict[str, str]) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("start() comes first")
        scope = f"/namespaces/{state.namespace}" if state.namespace else ""
        headers = {"Accept": "application/json"}
        if self._token_file is not None:
            token = await asyncio.to_thread(self._token_file.read_text)
            headers["Authorization"] = f"Bearer {token.strip()}"
        response = await self._session.get(
            f"{self._url}{_GROUP_PATH}{scope}/{state.resource.plural}",
            params=parameters,
            headers=headers,
            ssl=self._tls if self._tls is not None else True,
        )
        if response.status == _GONE:
            response.release()
            raise StaleVersionError("410 Gone")
        if response.status == _NO_SUCH_RESOURCE and state.resource.plural != _FUNCTIONS:
            response.release()
            raise _NoSuchResourceError("the API server does not know this kind")
        response.raise_for_status()
        return response


def _build_resources(joined: LayeredIndex, index: FunctionIndex) -> tuple[Resource, ...]:
    functions = Resource(
        _FUNCTIONS,
        build_function,
        build_unreadable,
        joined.put_function,
        joined.remove_function,
        joined.replace_functions,
    )
    layers = Resource(
        _LAYERS,
        build_layer_version,
        lambda _manifest, _problem: None,
        joined.put_layer,
        lambda key, _uid: joined.remove_layer(key),
        joined.replace_layers,
    )
    versions = Resource(
        _VERSIONS,
        _read_version,
        build_unreadable_version,
        joined.put_function,
        joined.remove_function,
        joined.replace_versions,
    )
    aliases = Resource(
        _ALIASES,
        build_alias,
        lambda _manifest, _problem: None,
        index.put_alias,
        lambda key, uid: index.remove_alias(FunctionRef(*key), uid),
        index.replace_aliases,
    )
    return functions, layers, versions, aliases


def _read_version(manifest: Mapping[str, Any]) -> Function | None:
    """None until the controller has published it: that it may not be yet is no error."""
    try:
        return build_version(manifest)
    except NotPublishedError:
        return None


def _decode_line(line: bytes) -> Any:
    """What a line that is no JSON would have said is unknown: only a list makes up for it."""
    try:
        return json.loads(line)
    except ValueError as error:
        raise StaleVersionError("a line that is no JSON") from error


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
