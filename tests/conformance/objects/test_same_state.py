"""Any sequence of edits leaves both drivers in the same state, with the same answers."""

import asyncio
import itertools
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from conformance.objects.cases import (
    CONFIG_MAP,
    FUNCTION,
    LAYER,
    make_config_map,
    make_function,
    make_layer,
    own,
)
from conformance.objects.stores import Store, make_memory_store, open_sqlite_store
from kubelambda.objects.errors import ObjectsError
from kubelambda.objects.port import Manifest

Answer = Manifest | type[ObjectsError] | None
Edit = Callable[[Store, Manifest | None], Awaitable[Manifest | None]]
"""A request to one store; takes what this store held of the object at some time, if anything."""

NAMES = ("one", "two", "three")
KINDS = (FUNCTION, LAYER, CONFIG_MAP)
VALUES = (3, 4, 901)
"""The last one is no timeout of a function and no version of a layer that may be changed to."""

kinds, names, values = st.sampled_from(KINDS), st.sampled_from(NAMES), st.sampled_from(VALUES)


def build(store: Store, kind: str, name: str, value: int) -> Manifest:
    if kind == FUNCTION:
        return make_function(store, name, timeout=value)
    if kind == LAYER:
        return make_layer(store, name, value)
    return {**make_config_map(store, name), "data": {"a": str(value)}}


def strip(manifest: Manifest) -> Manifest:
    """Without what two stores cannot have in common."""
    metadata = {
        key: value
        for key, value in manifest["metadata"].items()
        if key not in ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
    }
    owners = [owner["name"] for owner in metadata.pop("ownerReferences", ())]
    return {**manifest, "metadata": {**metadata, "owners": owners}}


class BothStores(RuleBasedStateMachine):
    """The same edits for both; what they answer is compared at once, what they hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.directory = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.stores: tuple[Store, ...] = self.runner.run(self._open())
        self.read: list[tuple[Manifest, ...]] = []
        """What was answered to writes, of each store: also what is out of date by now."""
        self.newest = [0, 0]

    async def _open(self) -> tuple[Store, ...]:
        path = Path(self.directory) / "objects.sqlite"
        sqlite = await self.stack.enter_async_context(open_sqlite_store(path))
        return sqlite, make_memory_store()

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()

    def ask(self, edit: Edit, former: tuple[Manifest, ...] | None = None) -> None:
        answers = [
            self.runner.run(self._ask(edit, store, former[number] if former else None))
            for number, store in enumerate(self.stores)
        ]
        stripped = [strip(one) if isinstance(one, dict) else one for one in answers]
        assert stripped[0] == stripped[1]
        manifests = tuple(one for one in answers if isinstance(one, dict))
        for number, manifest in enumerate(manifests):
            version = int(manifest["metadata"]["resourceVersion"])
            is_unchanged = former is not None and manifest == former[number]
            assert version > self.newest[number] or is_unchanged or version in self.versions(number)
            self.newest[number] = max(version, self.newest[number])
        if manifests:
            self.read.append(manifests)

    async def _ask(self, edit: Edit, store: Store, former: Manifest | None) -> Answer:
        try:
            answer = await edit(store, former)
        except ObjectsError as error:
            return type(error)
        finally:
            await store.collect_garbage()
        return answer

    def versions(self, number: int) -> set[int]:
        """The versions of everything that was answered before."""
        return {int(both[number]["metadata"]["resourceVersion"]) for both in self.read}

    def pick(self, choice: int) -> tuple[Manifest, ...]:
        return self.read[choice % len(self.read)]

    @rule(kind=kinds, name=names, value=values)
    def create(self, kind: str, name: str, value: int) -> None:
        self.ask(lambda store, _: store.objects.create(build(store, kind, name, value)))

    @precondition(lambda self: self.read)
    @rule(name=names, choice=st.integers(0, 1_000))
    def create_owned(self, name: str, choice: int) -> None:
        async def create(store: Store, owner: Manifest | None) -> Manifest:
            assert owner is not None
            return await store.objects.create(make_config_map(store, name, **own(owner)))

        self.ask(create, self.pick(choice))

    @precondition(lambda self: self.read)
    @rule(choice=st.integers(0, 1_000), value=values)
    def update(self, choice: int, value: int) -> None:
        async def update(store: Store, former: Manifest | None) -> Manifest:
            assert former is not None
            metadata = former["metadata"]
            wanted = build(store, former["kind"], metadata["name"], value)
            return await store.objects.update({**wanted, "metadata": metadata})

        self.ask(update, self.pick(choice))

    @precondition(lambda self: self.read)
    @rule(choice=st.integers(0, 1_000), labels=st.sampled_from([{}, {"a": "1"}, {"a": "2"}]))
    def label(self, choice: int, labels: dict[str, str]) -> None:
        async def update(store: Store, former: Manifest | None) -> Manifest:
            assert former is not None
            metadata = {**former["metadata"], "labels": labels}
            return await store.objects.update({**former, "metadata": metadata})

        self.ask(update, self.pick(choice))

    @precondition(lambda self: self.read)
    @rule(choice=st.integers(0, 1_000), reason=st.sampled_from(["", "a", "b"]))
    def update_status(self, choice: int, reason: str) -> None:
        status: dict[str, Any] = (
            {"observedGeneration": 1}
            if not reason
            else {"conditions": [{"type": "Ready", "status": "True", "reason": reason}]}
        )

        async def update(store: Store, former: Manifest | None) -> Manifest:
            assert former is not None
            return await store.objects.update_status({**former, "status": status})

        self.ask(update, self.pick(choice))

    @precondition(lambda self: self.read)
    @rule(choice=st.integers(0, 1_000), by=st.sampled_from(["name", "uid", "version"]))
    def delete(self, choice: int, by: str) -> None:
        async def delete(store: Store, former: Manifest | None) -> None:
            assert former is not None
            metadata = former["metadata"]
            await store.objects.delete(
                former["kind"],
                metadata["namespace"],
                metadata["name"],
                uid=metadata["uid"] if by == "uid" else "",
                version=metadata["resourceVersion"] if by == "version" else "",
            )

        self.ask(delete, self.pick(choice))

    @invariant()
    def hold_the_same(self) -> None:
        held = [self.runner.run(self._list(store)) for store in self.stores]
        assert held[0] == held[1]

    async def _list(self, store: Store) -> list[Manifest]:
        pages = [
            page for kind in KINDS async for page in store.objects.list_pages(kind, store.namespace)
        ]
        return [strip(item) for item in itertools.chain(*(page.items for page in pages))]


BothStores.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestBothStores = BothStores.TestCase
