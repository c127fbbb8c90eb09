"""The first list and the lists that find what no watch has told of: step by step."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kubelambda.controller.cache import initial_list
from kubelambda.controller.cache.initial_list import enqueue_all, fill_store
from kubelambda.controller.cache.intake import Intake
from kubelambda.controller.cache.resync import Resync
from kubelambda.controller.cache.store import Store
from kubelambda.controller.records.keys import (
    WorkKey,
    function_key,
    layer_key,
    namespace_key,
    runtime_key,
)
from kubelambda.kube.errors import UnavailableError
from kubelambda.kube.memory import Call, MemoryApi, StoppedError
from kubelambda.kube.paths import (
    FUNCTIONS,
    LAYERS,
    NETWORK_POLICIES,
    PODS,
    RUNTIMES,
)
from kubelambda.kube.resources import labels
from kubelambda.kube.resources.network_policy import NetworkRules, build_network_policy
from unit.controller.controlled_cluster import NAMESPACE, RUNTIME, make_function

COUNT = 2 * initial_list.PAGE_ITEMS + 1
LAYER: dict[str, Any] = {
    "metadata": {"name": "libs-1", "namespace": NAMESPACE},
    "spec": {"layerName": "libs", "version": 1, "content": {"inline": {"python/a.py": "x"}}},
}


def make_pod(name: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {labels.MANAGED_BY: labels.MANAGER, labels.FUNCTION_UID: "uid-1"},
        },
        "spec": {"containers": [{"name": "function"}]},
    }


def fill_api() -> MemoryApi:
    """More functions than fit on one page, and one object of each other kind."""
    api = MemoryApi()
    for number in range(COUNT):
        api.seed(FUNCTIONS, make_function(f"f{number}"))
    api.seed(LAYERS, LAYER)
    api.seed(RUNTIMES, RUNTIME)
    api.seed(PODS, make_pod("p1"))
    api.seed(PODS, make_pod("p2"))
    api.seed(PODS, {**make_pod("not-ours"), "metadata": {"name": "x", "namespace": NAMESPACE}})
    rules = NetworkRules([{"podSelector": {}}], 9001, ("10.0.0.0/8",))
    api.seed(NETWORK_POLICIES, build_network_policy(NAMESPACE, rules))
    return api


class Listing:
    """One store that is filled from an API server."""

    def __init__(self, api: MemoryApi) -> None:
        self.api = api
        self.store = Store()
        self.keys: set[WorkKey] = set()
        self.intake = Intake(self.store, self.keys.add)
        self.resync = Resync(api, self.store, self.intake, [NAMESPACE])

    async def fill(self) -> None:
        await fill_store(self.api, self.intake, [NAMESPACE], with_runtimes=True)

    def known(self) -> dict[str, list[Any]]:
        store = self.store
        tables = (store.functions, store.layers, store.pods, store.policies)
        return {
            "objects": sorted(key for table in tables for key, _ in table.items()),
            "runtimes": sorted(store.runtimes),
        }


async def test_the_store_holds_everything_of_ours_when_the_first_list_is_over() -> None:
    listing = Listing(fill_api())
    await listing.fill()
    known = listing.known()
    assert len(known["objects"]) == COUNT + 1 + 2 + 1
    assert (NAMESPACE, "x") not in known["objects"], "a pod without our label"
    assert known["runtimes"] == ["python3.13"]
    assert listing.keys == set(), "nobody is to be reconciled before all is known"


async def test_after_the_first_list_everything_is_looked_at() -> None:
    listing = Listing(fill_api())
    await listing.fill()
    enqueue_all(listing.store, listing.intake)
    functions = {function_key(NAMESPACE, f"f{number}") for number in range(COUNT)}
    others = {layer_key(NAMESPACE, "libs-1"), namespace_key(NAMESPACE), runtime_key("python3.13")}
    expected = functions | others
    assert listing.keys == expected


async def test_a_namespace_whose_functions_have_gone_is_looked_at_for_its_policy() -> None:
    api = fill_api()
    for number in range(COUNT):
        api.remove(FUNCTIONS, NAMESPACE, f"f{number}")
    listing = Listing(api)
    await listing.fill()
    enqueue_all(listing.store, listing.intake)
    assert namespace_key(NAMESPACE) in listing.keys


async def test_stopped_after_any_page_and_started_again_the_store_holds_the_same() -> None:
    undisturbed = Listing(fill_api())
    await undisturbed.fill()
    for number in range(1, len(undisturbed.api.calls) + 1):
        api = fill_api()
        api.stop_after(number)
        with pytest.raises(StoppedError):
            await Listing(api).fill()
        api.stop_after(None)
        again = Listing(api)
        await again.fill()
        assert again.known() == undisturbed.known(), f"stopped after request {number}"


async def test_a_list_that_fails_is_asked_for_until_it_is_complete(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The CRDs may not be there yet, and the API server may go away between two pages."""
    monkeypatch.setattr(initial_list, "RETRY_S", 0.0)
    undisturbed = Listing(fill_api())
    await undisturbed.fill()
    for failing in range(len(undisturbed.api.calls)):
        listing = Listing(fill_api())
        listing.api.on_call = fail_at(failing)
        await listing.fill()
        assert listing.known() == undisturbed.known(), f"request {failing} failed"


def fail_at(number: int) -> Callable[[Call], None]:
    """Fail the request of this number, counted from 0."""
    seen: list[Call] = []

    def on_call(call: Call) -> None:
        seen.append(call)
        if len(seen) == number + 1:
            raise UnavailableError("away")

    return on_call


async def test_what_is_deleted_unseen_leaves_with_the_next_complete_list() -> None:
    listing = Listing(fill_api())
    await listing.fill()
    listing.api.remove(PODS, NAMESPACE, "p1")
    listing.api.remove(FUNCTIONS, NAMESPACE, "f3")
    await listing.resync.compare_all()
    known = listing.known()["objects"]
    assert (NAMESPACE, "p1") not in known
    assert (NAMESPACE, "f3") not in known
    assert len(known) == COUNT + 4 - 2
    assert function_key(NAMESPACE, "f3") in listing.keys


async def test_a_list_that_fails_removes_nothing() -> None:
    """F5; the other kinds are compared all the same."""
    undisturbed = Listing(fill_api())
    await undisturbed.fill()
    before = len(undisturbed.api.calls)
    await undisturbed.resync.compare_all()
    for failing in range(len(undisturbed.api.calls) - before):
        listing = Listing(fill_api())
        await listing.fill()
        listing.api.on_call = fail_at(failing)
        await listing.resync.compare_all()
        assert listing.known() == undisturbed.known(), f"request {failing} failed"


async def test_what_comes_while_a_list_is_read_stays() -> None:
    """It may be younger than the list's first page."""
    listing = Listing(fill_api())
    await listing.fill()

    def add_one(call: Call) -> None:
        if call.resource == "pods" and listing.api.find(PODS, NAMESPACE, "late") is None:
            late = listing.api.seed(PODS, make_pod("late"))
            listing.intake.take(PODS.plural, late)
            listing.api.remove(PODS, NAMESPACE, "late")  # so that the list does not hold it

    listing.api.on_call = add_one
    await listing.resync.compare_all()
    assert (NAMESPACE, "late") in listing.known()["objects"]


async def test_what_was_made_anew_under_its_name_stays() -> None:
    listing = Listing(fill_api())
    await listing.fill()
    listing.api.remove(PODS, NAMESPACE, "p1")
    listing.intake.take(PODS.plural, listing.api.seed(PODS, make_pod("p1")))
    await listing.resync.compare_all()
    assert (NAMESPACE, "p1") in listing.known()["objects"]


async def test_a_comparison_that_is_stopped_anywhere_is_made_good_by_the_next() -> None:
    undisturbed = Listing(fill_api())
    await undisturbed.fill()
    undisturbed.api.remove(PODS, NAMESPACE, "p1")
    before = len(undisturbed.api.calls)
    await undisturbed.resync.compare_all()
    for number in range(1, len(undisturbed.api.calls) - before + 1):
        listing = Listing(fill_api())
        await listing.fill()
        listing.api.remove(PODS, NAMESPACE, "p1")
        comparing = asyncio.create_task(listing.resync.compare_all())
        listing.api.on_call = cancel_at(number, comparing)
        with pytest.raises(asyncio.CancelledError):
            await comparing
        listing.api.on_call = lambda call: None
        await listing.resync.compare_all()
        assert listing.known() == undisturbed.known(), f"cancelled at request {number}"


def cancel_at(number: int, task: asyncio.Task[None]) -> Callable[[Call], None]:
    """Cancel ``task`` with its request of this number, counted from 1."""
    seen: list[Call] = []

    def on_call(call: Call) -> None:
        seen.append(call)
        if len(seen) == number:
            task.cancel()
            raise UnavailableError("cancelled")

    return on_call
