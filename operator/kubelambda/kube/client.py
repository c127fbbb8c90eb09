"""The port ``kube.api`` over HTTP: to a cluster with the official client, or to local mode.

Contract: each method is one request, a list one for each page; ``kube.request_sender`` says how a
request is paced, fenced, counted and sent. Nothing below a caller repeats a write.
"""

from collections.abc import AsyncIterator
from typing import Any

from kubelambda.core.capacity.token_bucket import TokenBucket
from kubelambda.kube.api import APPLY_PATCH, MERGE_PATCH, Manifest, Page, WatchEvent
from kubelambda.kube.connection import Connection, describe_connection, load_configuration
from kubelambda.kube.paths import Resource, build_path
from kubelambda.kube.request_sender import JSON, Counts, Fence, RequestSender, read_error
from kubelambda.kube.transport import LibraryTransport, PlainTransport

_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_THREADS = 16
_STRICT = {"fieldValidation": "Strict"}
_WATCH_S = 50
"""After so long the API server ends a watch: a stalled stream costs little more."""


class HttpKubeApi:
    """The requests of the port; ``close`` ends it."""

    def __init__(self, sender: RequestSender) -> None:
        self._sender = sender

    def close(self) -> None:
        """Let requests in flight end by themselves and take no more."""
        self._sender.close()

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Manifest:
        """The object; NotFoundError if there is none."""
        return await self._sender.send("get", resource, build_path(resource, namespace, name))

    async def list_pages(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        page_items: int = 100,
        metadata_only: bool = False,
    ) -> AsyncIterator[list[Manifest]]:
        """All objects, a page at a time. A list is complete only if it ends without an error."""
        query = {"limit": str(page_items)}
        if label_selector:
            query["labelSelector"] = label_selector
        while True:
            path = build_path(resource, namespace)
            accept = _METADATA_LIST if metadata_only else JSON
            page = await self._sender.send("list", resource, path, query=query, accept=accept)
            # An empty list of metadata comes with null.
            yield page.get("items") or []
            if not page["metadata"].get("continue"):
                return
            query["continue"] = page["metadata"]["continue"]

    async def read_page(
        self, resource: Resource, namespace: str | None, *, token: str = "", page_items: int = 100
    ) -> Page:
        """A page of a list; ExpiredError if ``token``, of the page before, is too old."""
        query = {"limit": str(page_items)} | ({"continue": token} if token else {})
        page = await self._sender.send(
            "list", resource, build_path(resource, namespace), query=query
        )
        metadata = page["metadata"]
        items = [_complete(resource, item) for item in page.get("items") or ()]
        return Page(items, metadata["resourceVersion"], metadata.get("continue") or "")

    async def watch(
        self, resource: Resource, namespace: str | None, since: str
    ) -> AsyncIterator[WatchEvent]:
        """What comes after the version ``since``, until the API server ends the watch."""
        query = {
            "watch": "1",
            "resourceVersion": since,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_S),
        }
        path = build_path(resource, namespace)
        async for event in self._sender.stream("watch", resource, path, query):
            content = event["object"]
            if event["type"] == "ERROR":
                raise read_error(f"watch {resource.plural}", int(content.get("code", 0)), content)
            yield WatchEvent(event["type"], content)

    async def create(
        self,
        resource: Resource,
        namespace: str | None,
        manifest: Manifest,
        *,
        manager: str,
        strict: bool = False,
    ) -> Manifest:
        """POST; AlreadyExistsError if the name is taken."""
        path = build_path(resource, namespace)
        query = {"fieldManager": manager} | (_STRICT if strict else {})
        return await self._sender.send("create", resource, path, query=query, content=manifest)

    async def replace(
        self,
        resource: Resource,
        namespace: str | None,
        manifest: Manifest,
        *,
        subresource: str = "",
        strict: bool = False,
    ) -> Manifest:
        """PUT; ConflictError if its resourceVersion is no longer the current one."""
        path = build_path(resource, namespace, manifest["metadata"]["name"], subresource)
        return await self._sender.send(
            "update",
            resource,
            path,
            query=_STRICT if strict else None,
            content=manifest,
            subresource=subresource,
        )

    async def apply(
        self, resource: Resource, namespace: str | None, manifest: Manifest, *, manager: str
    ) -> Manifest:
        """Server-side apply with force: ``manager`` owns exactly the fields of ``manifest``."""
        path = build_path(resource, namespace, manifest["metadata"]["name"])
        query = {"fieldManager": manager, "force": "true"}
        return await self._sender.send(
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
        return await self._sender.send(
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
        """DELETE of the object with just this uid and, if it is given, this resourceVersion."""
        preconditions = {"uid": uid} | ({"resourceVersion": version} if version else {})
        content = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": preconditions,
        }
        path = build_path(resource, namespace, name)
        await self._sender.send("delete", resource, path, content=content)


class KubeClient(HttpKubeApi):
    """A client of one API server, with the official client's ``configuration``."""

    def __init__(
        self,
        configuration: Any,
        counter: Counts | None = None,
        *,
        fence: Fence = lambda: None,
        bucket: TokenBucket | None = None,
        threads: int = _THREADS,
    ) -> None:
        self._configuration = configuration
        transport = LibraryTransport(configuration, threads)
        super().__init__(
            RequestSender(transport, counter, fence=fence, bucket=bucket, threads=threads)
        )

    @property
    def connection(self) -> Connection:
        """The same server and rights, for another client."""
        return describe_connection(self._configuration)


def connect(*, kubeconfig: str = "", context: str = "") -> KubeClient:
    """A client for one command of the CLI: no fence and no pace, and nobody reads its counts.

    NoConnectionError if there is neither a service account nor a kubeconfig.
    """
    configuration = load_configuration(kubeconfig=kubeconfig, context=context)
    return KubeClient(configuration, threads=4)


def connect_plainly(url: str) -> HttpKubeApi:
    """A client of the API at ``url`` without credentials: local mode; ValueError for no URL."""
    return HttpKubeApi(RequestSender(PlainTransport(url), threads=4))


def _complete(resource: Resource, item: Manifest) -> Manifest:
    """Items of a list of Kubernetes' own kinds leave out what the list says for all of them."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, **item}
