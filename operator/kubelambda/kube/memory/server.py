"""``MemoryApi``: the requests of ``kube.api``, answered from memory.

Contract: every request is one step of the event loop, so that callers interleave as they would
with a real server. Faults are ordered beforehand: ``fail_next``, ``refuse``, ``stop_after``.
"""

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from kubelambda.kube.api import MERGE_PATCH, Manifest
from kubelambda.kube.errors import KubeError
from kubelambda.kube.memory.objects import Objects, Place, Writer
from kubelambda.kube.memory.patches import patch
from kubelambda.kube.memory.selectors import matches
from kubelambda.kube.paths import Resource

AnswerT = TypeVar("AnswerT")

_BEGAN_S = 1_767_225_600
HANDS = "kubectl-edit"


class StoppedError(Exception):
    """The process that sent the request is to end here, as if it had been killed."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request; ``resource`` is "plural" or "plural/subresource"."""

    verb: str
    resource: str
    namespace: str
    name: str
    manager: str = ""
    content: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    """What a watch would tell: ADDED, MODIFIED or DELETED, and the object."""

    type: str
    resource: Resource
    manifest: Manifest = field(repr=False)


@dataclass(slots=True)
class _Fault:
    verb: str
    resource: str
    error: Exception
    after: bool
    once: bool


@dataclass(slots=True)
class _Watch:
    watcher: Callable[[Event], None]
    resource: Resource | None
    label_selector: str
    known: set[str] = field(default_factory=set)

    def tell(self, kind: str, resource: Resource, manifest: Manifest) -> None:
        metadata = manifest["metadata"]
        if self.resource not in (None, resource):
            return
        was_known, uid = metadata["uid"] in self.known, metadata["uid"]
        selected = matches(self.label_selector, metadata.get("labels") or {})
        if kind == "DELETED" or not selected:
            self.known.discard(uid)
            if was_known or (kind == "DELETED" and selected):
                self.watcher(Event("DELETED", resource, manifest))
            return
        self.known.add(uid)
        self.watcher(Event(kind if was_known else "ADDED", resource, manifest))


class MemoryApi:
    """An API server for one test; ``clock`` tells seconds since 1970."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        ticks = itertools.count(_BEGAN_S)
        self._clock = clock or (lambda: next(ticks))
        self._objects = Objects(self._format_now, self._tell)
        self._watches: list[_Watch] = []
        self._faults: list[_Fault] = []
        self._names = itertools.count(1)
        self._stop_after: int | None = None
        self.calls: list[Call] = []
        """Every request that was sent, in order, failed ones too."""
        self.on_call: Callable[[Call], None] = lambda call: None
        """Called before each request takes effect; what it raises is the request's outcome."""

    # What tests order and see.

    @property
    def writes(self) -> list[Call]:
        """The requests that were no reads."""
        return [one for one in self.calls if one.verb not in ("get", "list")]

    def watch(
        self,
        watcher: Callable[[Event], None],
        resource: Resource | None = None,
        label_selector: str = "",
    ) -> None:
        """Tell ``watcher`` of every change from now on, at once.

        An object that comes to match the selector is ADDED, one that ceases to is DELETED.
        """
        self._watches.append(_Watch(watcher, resource, label_selector))

    def admit(self, webhook: Callable[[Resource, Manifest], None]) -> None:
        """Let ``webhook`` change every object that is about to be written."""
        self._objects.admit = webhook

    def fail_next(self, verb: str, resource: str, error: Exception, *, after: bool = False) -> None:
        """The next such request fails; with ``after`` it takes effect and its answer is lost."""
        self._faults.append(_Fault(verb, resource, error, after, once=True))

    def refuse(self, verb: str, resource: str, error: KubeError) -> None:
        """Every such request fails until ``permit``."""
        self._faults.append(_Fault(verb, resource, error, after=False, once=False))

    def permit(self) -> None:
        """No more failures."""
        self._faults.clear()

    def stop_after(self, calls: int | None) -> None:
        """The n-th request from now on takes effect; then StoppedError instead of its answer.

        So does every later one, without any effect, until ``stop_after(None)``.
        """
        self._stop_after = calls

    def seed(self, resource: Resource, manifest: Manifest, manager: str = HANDS) -> Manifest:
        """Create an object, with its status, as it came into the cluster some other way."""
        created = self._objects.create(_find_place(resource, manifest), manifest, _update(manager))
        if manifest.get("status") and created.get("status") != manifest["status"]:
            place = _find_place(resource, created)
            created = self._objects.update(
                place, {**created, "status": manifest["status"]}, (manager, "Update", "status")
            )
        return created

    def edit(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        change: Callable[[Manifest], object] | Manifest,
        *,
        manager: str = HANDS,
        subresource: str = "",
    ) -> Manifest:
        """Change an object by hand: with a merge patch, or by what ``change`` does to a copy."""
        place = (resource, namespace, name)
        edited = self._objects.get(place)
        if callable(change):
            change(edited)
        else:
            edited = patch(edited, change, MERGE_PATCH)
        return self._objects.update(place, edited, (manager, "Update", subresource))

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """The object is gone at once, as a kubelet or a forced deletion leaves it."""
        self._objects.delete((resource, namespace, name), gracefully=False)

    def find(self, resource: Resource, namespace: str, name: str) -> Manifest | None:
        """The object, or None; no request."""
        place = (resource, namespace, name)
        return self._objects.get(place) if place in self._objects.places() else None

    def find_all(self, resource: Resource, namespace: str | None = None) -> list[Manifest]:
        """The objects of a kind; no request."""
        return [
            self._objects.get(place)
            for place in self._objects.places()
            if place[0] == resource and namespace in (None, place[1])
        ]

    def collect_garbage(self) -> None:
        """Delete what no living object owns any more, as the garbage collector does."""
        while True:
            manifests = [(place, self._objects.get(place)) for place in self._objects.places()]
            uids = {one["metadata"]["uid"] for _, one in manifests}
            orphans = [
                place
                for place, one in manifests
                if one["metadata"].get("ownerReferences")
                and "deletionTimestamp" not in one["metadata"]
                and not any(owner["uid"] in uids for owner in one["metadata"]["ownerReferences"])
            ]
            for place in orphans:
                self._objects.delete(place, gracefully=True)
            if not orphans:
                return

    # The port.

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Manifest:
        """The object; NotFoundError where there is none."""
        place = (resource, namespace or "", name)
        return await self._answer(_call("get", place), lambda: self._objects.get(place))

    async def list_pages(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        label_selector: str = "",
        page_items: int = 100,
        metadata_only: bool = False,
    ) -> AsyncIterator[list[Manifest]]:
        """All objects that match, a page at a time."""
        call = _call("list", (resource, namespace or "", ""))
        found = await self._answer(call, lambda: self._select(resource, namespace, label_selector))
        if metadata_only:
            found = [{"metadata": one["metadata"]} for one in found]
        yield found[:page_items]
        for start in range(page_items, len(found), page_items):
            await self._answer(call, lambda: None)
            yield found[start : start + page_items]

    async def create(
        self, resource: Resource, namespace: str | None, manifest: Manifest, *, manager: str
    ) -> Manifest:
        """POST; a generateName gets an end that is its own."""
        metadata = manifest["metadata"]
        name = metadata.get("name") or f"{metadata['generateName']}{next(self._names):05d}"
        place = (resource, namespace or "", name)
        return await self._answer(
            _call("create", place, manager, manifest),
            lambda: self._objects.create(place, manifest, _update(manager)),
        )

    async def replace(
        self, resource: Resource, namespace: str | None, manifest: Manifest
    ) -> Manifest:
        """PUT."""
        place = (resource, namespace or "", manifest["metadata"]["name"])

        def put() -> Manifest:
            self._check(place, manifest)
            return self._objects.update(place, manifest, _update("kubelambda"))

        return await self._answer(_call("update", place, content=manifest), put)

    async def apply(
        self, resource: Resource, namespace: str | None, manifest: Manifest, *, manager: str
    ) -> Manifest:
        """Server-side apply with force."""
        place = (resource, namespace or "", manifest["metadata"]["name"])
        return await self._answer(
            _call("apply", place, manager, manifest),
            lambda: self._objects.apply(place, manifest, manager),
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
        """PATCH of the object, or of its status, scale or resize."""
        place = (resource, namespace or "", name)

        def change() -> Manifest:
            live = self._objects.get(place)
            if isinstance(content, dict):
                self._check(place, content)
            patched = patch(live, content, content_type)
            self._check(place, patched)
            return self._objects.update(place, patched, (manager, "Update", subresource))

        call = _call("patch", place, manager, content, subresource)
        return await self._answer(call, change)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str,
        version: str = "",
    ) -> None:
        """DELETE; a pod on a node stays until ``remove``."""
        place = (resource, namespace or "", name)

        def go() -> None:
            self._objects.check(place, uid=uid, version=version)
            self._objects.delete(place, gracefully=True)

        await self._answer(_call("delete", place), go)

    async def _answer(self, call: Call, carry_out: Callable[[], AnswerT]) -> AnswerT:
        await asyncio.sleep(0)
        if self._stop_after == 0:
            raise StoppedError(f"before {call.verb} {call.resource}")
        self.calls.append(call)
        self.on_call(call)
        try:
            answer = self._take_effect(call, carry_out)
        except KubeError:
            self._count_down(call)
            raise
        self._count_down(call)
        return copy.deepcopy(answer)

    def _take_effect(self, call: Call, carry_out: Callable[[], AnswerT]) -> AnswerT:
        fault = self._take_fault(call)
        if fault is not None and not fault.after:
            raise fault.error
        answer = carry_out()
        if fault is not None:
            raise fault.error
        return answer

    def _count_down(self, call: Call) -> None:
        if self._stop_after is not None:
            self._stop_after -= 1
            if self._stop_after == 0:
                raise StoppedError(f"after {call.verb} {call.resource}")

    def _take_fault(self, call: Call) -> _Fault | None:
        for fault in self._faults:
            if (fault.verb, fault.resource) == (call.verb, call.resource):
                if fault.once:
                    self._faults.remove(fault)
                return fault
        return None

    def _select(
        self, resource: Resource, namespace: str | None, label_selector: str
    ) -> list[Manifest]:
        return [
            one
            for one in self.find_all(resource, namespace)
            if matches(label_selector, one["metadata"].get("labels") or {})
        ]

    def _check(self, place: Place, content: Manifest) -> None:
        metadata = content.get("metadata") or {}
        self._objects.check(
            place, uid=metadata.get("uid", ""), version=metadata.get("resourceVersion", "")
        )

    def _format_now(self) -> str:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")

    def _tell(self, kind: str, resource: Resource, manifest: Manifest) -> None:
        for one in self._watches:
            one.tell(kind, resource, manifest)


def _update(manager: str) -> Writer:
    return (manager, "Update", "")


def _find_place(resource: Resource, manifest: Manifest) -> Place:
    metadata = manifest["metadata"]
    return (resource, metadata.get("namespace", ""), metadata["name"])


def _call(
    verb: str, place: Place, manager: str = "", content: Any = None, subresource: str = ""
) -> Call:
    resource = f"{place[0].plural}/{subresource}" if subresource else place[0].plural
    return Call(verb, resource, place[1], place[2], manager, copy.deepcopy(content))
