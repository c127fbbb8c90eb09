"""The port ``kube.api`` over the official client.

Contract: asyncio outside, a bounded pool of threads inside. Every write first asks the fence, in
the thread that sends it; nothing below a caller repeats a write. Every request is counted by verb
and resource. Errors come out as ``kube.errors``. ``content`` of a request never reaches a log.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

from prometheus_client import CollectorRegistry, Counter

from kubelambda.core.capacity.token_bucket import TokenBucket
from kubelambda.kube.api import APPLY_PATCH, MERGE_PATCH, Manifest
from kubelambda.kube.connection import Connection, describe_connection
from kubelambda.kube.errors import UnavailableError, classify_error
from kubelambda.kube.paths import Resource, build_path

Fence = Callable[[], None]

_JSON = "application/json"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_THREADS = 16
_TIMEOUT_S = (3.0, 15.0)
_DEFAULT_RETRY_AFTER_S = 1.0


class RequestCounter:
    """``kubelambda_controller_api_requests_total`` by verb and resource."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._total = Counter(
            "kubelambda_controller_api_requests",
            "Requests to the API server, by verb and resource (watches are kopf's, not counted).",
            ("verb", "resource"),
            registry=registry,
        )

    def count(self, verb: str, resource: str) -> None:
        """One more request was sent."""
        self._total.labels(verb, resource).inc()


class KubeClient:
    """One connection pool to one API server; ``close`` ends it."""

    def __init__(
        self,
        configuration: Any,
        counter: RequestCounter,
        *,
        fence: Fence = lambda: None,
        bucket: TokenBucket | None = None,
        threads: int = _THREADS,
    ) -> None:
        from kubernetes.client import (  # noqa: PLC0415  # costs 40 MB, on first use only
            ApiClient,
            ApiException,
        )
        from urllib3.exceptions import HTTPError  # noqa: PLC0415  # comes with kubernetes

        self._no_answer = (ApiException, HTTPError, OSError)
        configuration.connection_pool_maxsize = threads
        self._configuration = configuration
        self._api = ApiClient(configuration)
        self._counter = counter
        self._fence = fence
        self._bucket = bucket
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="kube")

    @property
    def connection(self) -> Connection:
        """The same server and rights, for another client."""
        return describe_connection(self._configuration)

    def close(self) -> None:
        """Let requests in flight end by themselves and take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Manifest:
        """The object; NotFoundError where there is none."""
        return await self._request("get", resource, build_path(resource, namespace, name))

    async def list_pages(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        page_items: int = 100,
        metadata_only: bool = False,
    ) -> AsyncIterator[list[Manifest]]:
        """All objects, a page at a time. Only a list that ended without an error is complete."""
        query = {"limit": str(page_items)}
        if label_selector:
            query["labelSelector"] = label_selector
        while True:
            path = build_path(resource, namespace)
            accept = _METADATA_LIST if metadata_only else _JSON
            page = await self._request("list", resource, path, query=query, accept=accept)
            # An empty list of metadata comes with null.
            yield page.get("items") or []
            if not page["metadata"].get("continue"):
                return
            query["continue"] = page["metadata"]["continue"]

    async def create(
        self, resource: Resource, namespace: str | None, manifest: Manifest, *, manager: str
    ) -> Manifest:
        """POST; AlreadyExistsError where the name is taken."""
        path = build_path(resource, namespace)
        return await self._request(
            "create", resource, path, query={"fieldManager": manager}, content=manifest
        )

    async def replace(
        self, resource: Resource, namespace: str | None, manifest: Manifest
    ) -> Manifest:
        """PUT; ConflictError where its resourceVersion is no longer the current one."""
        path = build_path(resource, namespace, manifest["metadata"]["name"])
        return await self._request("update", resource, path, content=manifest)

    async def apply(
        self, resource: Resource, namespace: str | None, manifest: Manifest, *, manager: str
    ) -> Manifest:
        """Server-side apply with force: ``manager`` owns exactly the fields of ``manifest``."""
        path = build_path(resource, namespace, manifest["metadata"]["name"])
        query = {"fieldManager": manager, "force": "true"}
        return await self._request(
            "apply", resource, path, query=query, content=manifest, content_type=APPLY_PATCH
        )

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
        """PATCH of an object or subresource; the counted resource carries the subresource."""
        path = build_path(resource, namespace, name, subresource)
        return await self._request(
            "patch",
            resource,
            path,
            query={"fieldManager": manager},
            content=content,
            content_type=content_type,
            subresource=subresource,
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str,
        version: str = "",
    ) -> None:
        """DELETE of just this object, with ``version`` of just this state of it."""
        preconditions = {"uid": uid} | ({"resourceVersion": version} if version else {})
        content = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": preconditions,
        }
        path = build_path(resource, namespace, name)
        await self._request("delete", resource, path, content=content)

    async def _request(
        self,
        verb: str,
        resource: Resource,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: Manifest | list[Manifest] | None = None,
        content_type: str = _JSON,
        subresource: str = "",
        accept: str = _JSON,
    ) -> Manifest:
        if self._bucket is not None:
            await asyncio.sleep(self._bucket.reserve(time.monotonic()))
        url = self._configuration.host + path + ("?" + urlencode(query) if query else "")
        label = f"{resource.plural}/{subresource}" if subresource else resource.plural
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, self._send, verb, label, url, content, content_type, accept
        )

    def _send(
        self,
        verb: str,
        label: str,
        url: str,
        content: Manifest | list[Manifest] | None,
        content_type: str,
        accept: str,
    ) -> Manifest:
        headers = {"Accept": accept}
        if content is not None:
            headers["Content-Type"] = content_type
        self._api.update_params_for_auth(headers, [], ["BearerToken"], "", "", None)
        if verb in _METHODS:
            self._fence()
        self._counter.count(verb, label)
        method = _METHODS.get(verb, "GET")
        try:
            response: Any = self._api.call_api(
                method, url, headers, content, _request_timeout=_TIMEOUT_S
            )
            data = response.read()
        except self._no_answer as error:
            raise UnavailableError(f"{verb} {label}: {type(error).__name__}") from error
        return _decode(verb, label, response.status, response.getheader("Retry-After"), data)


_METHODS = {
    "create": "POST",
    "update": "PUT",
    "apply": "PATCH",
    "patch": "PATCH",
    "delete": "DELETE",
}


def _decode(verb: str, label: str, status: int, retry_after: str | None, data: bytes) -> Manifest:
    try:
        answer: Manifest = json.loads(data) if data else {}
    except ValueError:
        answer = {}
    if status < 300:
        return answer
    message = f"{verb} {label}: {answer.get('message') or status}"
    wait_s = float(retry_after) if retry_after and retry_after.isdigit() else _DEFAULT_RETRY_AFTER_S
    raise classify_error(status, answer.get("reason") or "", message, wait_s)
