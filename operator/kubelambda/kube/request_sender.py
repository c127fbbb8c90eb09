"""One request to the API server, from a coroutine to an HTTP answer.

Contract: asyncio outside, a bounded pool of threads inside. Requests keep the pace of a token
bucket. Every write first asks the fence, in the thread that sends it; nothing is ever repeated
here. Every request that is sent is counted by verb and resource. Errors come out as
``kube.errors``. The content of a request never reaches a log.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

from prometheus_client import CollectorRegistry, Counter

from kubelambda.core.capacity.token_bucket import TokenBucket
from kubelambda.kube.api import Manifest
from kubelambda.kube.errors import UnavailableError, classify_error
from kubelambda.kube.paths import Resource

Fence = Callable[[], None]
"""Raises FencedError if this process may no longer write; called from any thread."""

JSON = "application/json"
_TIMEOUT_S = (3.0, 15.0)
"""To connect, and to read the answer."""
_DEFAULT_RETRY_AFTER_S = 1.0
_METHODS = {
    "create": "POST",
    "update": "PUT",
    "apply": "PATCH",
    "patch": "PATCH",
    "delete": "DELETE",
}
"""HTTP methods of the verbs that write; all other verbs are GET."""


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


class RequestSender:
    """One connection pool to one API server; ``close`` ends it."""

    def __init__(
        self,
        configuration: Any,
        counter: RequestCounter,
        *,
        fence: Fence,
        bucket: TokenBucket | None,
        threads: int,
    ) -> None:
        from kubernetes.client import (  # noqa: PLC0415  # costs 40 MB, on first use only
            ApiClient,
            ApiException,
        )
        from urllib3.exceptions import HTTPError  # noqa: PLC0415  # comes with kubernetes

        self._no_answer = (ApiException, HTTPError, OSError)
        configuration.connection_pool_maxsize = threads
        self._host = configuration.host
        self._api = ApiClient(configuration)
        self._counter = counter
        self._fence = fence
        self._bucket = bucket
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="kube")

    def close(self) -> None:
        """Let requests in flight end by themselves and take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def send(
        self,
        verb: str,
        resource: Resource,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: Manifest | list[Manifest] | None = None,
        content_type: str = JSON,
        subresource: str = "",
        accept: str = JSON,
    ) -> Manifest:
        """The answer's JSON object; ``subresource`` is counted as part of the resource."""
        if self._bucket is not None:
            await asyncio.sleep(self._bucket.reserve(time.monotonic()))
        url = self._host + path + ("?" + urlencode(query) if query else "")
        label = f"{resource.plural}/{subresource}" if subresource else resource.plural
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, self._send_in_thread, verb, label, url, content, content_type, accept
        )

    def _send_in_thread(
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
