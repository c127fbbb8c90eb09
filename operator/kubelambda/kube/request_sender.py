"""One request to the API server, from a coroutine to an HTTP answer.

Contract: asyncio outside, a bounded pool of threads inside. Requests keep the pace of a token
bucket. Every write first asks the fence, in the thread that sends it; nothing is ever repeated
here. Every request that is sent is counted by verb and resource. Errors come out as
``kube.errors``. The content of a request never reaches a log.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from urllib.parse import urlencode

from kubelambda.core.capacity.token_bucket import TokenBucket
from kubelambda.kube.api import Manifest
from kubelambda.kube.errors import Causes, KubeError, classify_error
from kubelambda.kube.line_reader import iter_lines
from kubelambda.kube.paths import Resource
from kubelambda.kube.transport import Answer, Transport

Fence = Callable[[], None]
"""Raises FencedError if this process may no longer write; called from any thread."""

JSON = "application/json"
_DEFAULT_RETRY_AFTER_S = 1.0
_METHODS = {
    "create": "POST",
    "update": "PUT",
    "apply": "PATCH",
    "patch": "PATCH",
    "delete": "DELETE",
}
"""HTTP methods of the verbs that write; all other verbs are GET."""


class Counts(Protocol):
    """Told of each request that is sent."""

    def count(self, verb: str, resource: str) -> None:
        """One more request was sent."""
        ...


class RequestSender:
    """Requests to one API server; ``close`` ends it."""

    def __init__(
        self,
        transport: Transport,
        counter: Counts | None = None,
        *,
        fence: Fence = lambda: None,
        bucket: TokenBucket | None = None,
        threads: int,
    ) -> None:
        self._transport = transport
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
        target = path + ("?" + urlencode(query) if query else "")
        label = f"{resource.plural}/{subresource}" if subresource else resource.plural
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, self._send_in_thread, verb, label, target, content, content_type, accept
        )

    async def stream(
        self, verb: str, resource: Resource, path: str, query: Mapping[str, str]
    ) -> AsyncIterator[Manifest]:
        """The JSON objects of an answer that has one in each line, as they come.

        Read by a thread of its own, which ends with the answer: a caller that stops listening
        leaves it behind until the API server ends the answer.
        """

        def open_answer() -> Answer:
            self._count(verb, resource.plural)
            answer = self._transport.send("GET", f"{path}?{urlencode(query)}", {"Accept": JSON})
            if answer.status >= 300:
                _decode(verb, resource.plural, answer)
            return answer

        async for line in iter_lines(open_answer):
            yield json.loads(line)

    def _send_in_thread(
        self,
        verb: str,
        label: str,
        target: str,
        content: Manifest | list[Manifest] | None,
        content_type: str,
        accept: str,
    ) -> Manifest:
        headers = {"Accept": accept}
        if content is not None:
            headers["Content-Type"] = content_type
        if verb in _METHODS:
            self._fence()
        self._count(verb, label)
        answer = self._transport.send(_METHODS.get(verb, "GET"), target, headers, content)
        return _decode(verb, label, answer)

    def _count(self, verb: str, label: str) -> None:
        if self._counter is not None:
            self._counter.count(verb, label)


def _decode(verb: str, label: str, answer: Answer) -> Manifest:
    """The answer's JSON object; the error that it says otherwise."""
    data = answer.read()
    try:
        content: Manifest = json.loads(data) if data else {}
    except ValueError:
        content = {}
    if answer.status < 300:
        return content
    raise read_error(f"{verb} {label}", answer.status, content, answer.get_header("Retry-After"))


def read_error(
    what: str, status: int, content: Manifest, retry_after: str | None = None
) -> KubeError:
    """The error that a Status of the API server says."""
    message = f"{what}: {content.get('message') or status}"
    wait_s = float(retry_after) if retry_after and retry_after.isdigit() else _DEFAULT_RETRY_AFTER_S
    return classify_error(
        status, content.get("reason") or "", message, wait_s, _read_causes(content)
    )


def _read_causes(content: Manifest) -> Causes:
    details = content.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return tuple(
        (str(cause.get("field", "")), str(cause.get("message", "")))
        for cause in causes or ()
        if isinstance(cause, dict)
    )
