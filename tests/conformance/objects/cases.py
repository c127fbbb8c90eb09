"""The rules of the port, as coroutines over a store with a namespace of its own.

Contract: run against SQLite and the API server in memory always, and against a real API server by
``tests/e2e/api_server/test_objects.py``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from conformance.objects.stores import Store
from kubelambda.objects.errors import (
    AlreadyExistsError,
    ConflictError,
    ExpiredError,
    InvalidError,
    NotFoundError,
    UnknownKindError,
)
from kubelambda.objects.port import Manifest, list_all

FUNCTION, LAYER, CONFIG_MAP, SECRET = "LambdaFunction", "LambdaLayer", "ConfigMap", "Secret"


def make_function(store: Store, name: str = "one", **spec: Any) -> Manifest:
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": FUNCTION,
        "metadata": {"name": name, "namespace": store.namespace},
        "spec": {
            "runtime": "no-such-runtime1.0",
            "handler": "app.handler",
            "code": {"inline": {"app.py": "x"}},
            **spec,
        },
    }


def make_layer(store: Store, name: str = "base-1", version: int = 1) -> Manifest:
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": LAYER,
        "metadata": {"name": name, "namespace": store.namespace},
        "spec": {"version": version, "content": {"inline": {"a.txt": "x"}}},
    }


def make_config_map(store: Store, name: str = "one", **metadata: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": CONFIG_MAP,
        "metadata": {"name": name, "namespace": store.namespace, **metadata},
        "data": {"a": "1"},
    }


def own(owner: Manifest) -> dict[str, Any]:
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {"ownerReferences": [reference]}


def with_spec(manifest: Manifest, **spec: Any) -> Manifest:
    return {**manifest, "spec": {**manifest["spec"], **spec}}


def version_of(manifest: Manifest) -> int:
    return int(manifest["metadata"]["resourceVersion"])


async def what_is_created_can_be_read_and_has_what_a_server_adds(store: Store) -> None:
    made = await store.objects.create(make_function(store))
    metadata = made["metadata"]
    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")
    assert metadata["generation"] == 1
    assert metadata["namespace"] == store.namespace
    assert "managedFields" not in metadata
    assert (made["spec"]["memorySize"], made["spec"]["packageType"]) == (128, "Zip")
    assert await store.objects.get(FUNCTION, store.namespace, "one") == made


async def names_are_taken_and_missed_by_type(store: Store) -> None:
    with pytest.raises(NotFoundError):
        await store.objects.get(FUNCTION, store.namespace, "one")
    await store.objects.create(make_function(store))
    with pytest.raises(AlreadyExistsError):
        await store.objects.create(make_function(store))
    await store.objects.create(make_config_map(store))
    with pytest.raises(NotFoundError):
        await store.objects.delete(FUNCTION, store.namespace, "two")


async def a_kind_that_does_not_exist_is_told_with_the_one_that_was_meant(store: Store) -> None:
    with pytest.raises(UnknownKindError, match="did you mean LambdaFunction"):
        await store.objects.get("LambdaFuncton", store.namespace, "one")


async def an_object_that_breaks_a_rule_is_refused_with_the_field(store: Store) -> None:
    with pytest.raises(InvalidError) as caught:
        await store.objects.create(make_function(store, timeout=901))
    assert "spec.timeout" in [cause.field for cause in caught.value.causes]
    with pytest.raises(InvalidError, match="runtime and handler are required"):
        await store.objects.create(make_function(store, handler=None))
    assert await store.list_names(FUNCTION) == []


async def an_unknown_field_is_refused(store: Store) -> None:
    with pytest.raises(InvalidError) as caught:
        await store.objects.create(make_function(store, memorySiz=128))
    assert [cause.field for cause in caught.value.causes] == ["spec.memorySiz"]


async def a_refused_change_leaves_the_object_as_it_was(store: Store) -> None:
    made = await store.objects.create(make_layer(store))
    with pytest.raises(InvalidError, match="immutable"):
        await store.objects.update(with_spec(made, description="another"))
    assert await store.objects.get(LAYER, store.namespace, "base-1") == made


async def an_update_is_of_the_version_that_was_read(store: Store) -> None:
    made = await store.objects.create(make_function(store))
    changed = await store.objects.update(with_spec(made, timeout=9))
    assert changed["spec"]["timeout"] == 9
    assert version_of(changed) > version_of(made)
    with pytest.raises(ConflictError):
        await store.objects.update(with_spec(made, timeout=10))
    bare = {**changed, "metadata": {"name": "one", "namespace": store.namespace}}
    with pytest.raises(InvalidError):
        await store.objects.update(bare)
    missing = {**changed, "metadata": {**changed["metadata"], "name": "two"}}
    with pytest.raises(NotFoundError):
        await store.objects.update(missing)


async def of_two_who_have_read_the_same_one_wins(store: Store) -> None:
    made = await store.objects.create(make_function(store))
    outcomes = await asyncio.gather(
        *(store.objects.update(with_spec(made, timeout=number)) for number in range(10, 15)),
        return_exceptions=True,
    )
    won = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    assert len(won) == 1
    assert all(isinstance(outcome, dict | ConflictError) for outcome in outcomes)
    assert await store.objects.get(FUNCTION, store.namespace, "one") == won[0]


async def an_update_that_changes_nothing_keeps_the_version(store: Store) -> None:
    made = await store.objects.create(make_function(store))
    assert await store.objects.update(made) == made
    dropped = with_spec(made)
    del dropped["spec"]["memorySize"]  # comes again as the default that it was
    assert await store.objects.update(dropped) == made


async def only_a_change_of_content_raises_the_generation(store: Store) -> None:
    made = await store.objects.create(make_function(store))
    metadata = {**made["metadata"], "labels": {"team": "a"}}
    labelled = await store.objects.update({**made, "metadata": metadata})
    assert labelled["metadata"]["labels"] == {"team": "a"}
    assert labelled["metadata"]["generation"] == 1
    changed = await store.objects.update(with_spec(labelled, timeout=9))
    assert changed["metadata"]["generation"] == 2


async def nobody_but_the_store_decides_on_its_fields(store: Store) -> None:
    made = await store.objects.create(make_function(store))
    metadata = {**made["metadata"], "generation": 9, "creationTimestamp": "2001-01-01T00:00:00Z"}
    assert await store.objects.update({**made, "metadata": metadata}) == made
    metadata = {**made["metadata"], "uid": "11111111-2222-4333-8444-555555555555"}
    with pytest.raises(ConflictError):
        await store.objects.update({**made, "metadata": metadata})


async def a_status_is_written_by_itself(store: Store) -> None:
    manifest = {**make_function(store), "status": {"state": "Active"}}
    made = await store.objects.create(manifest)
    assert "status" not in made
    wanted = {**with_spec(made, timeout=9), "status": {"state": "Active"}}
    written = await store.objects.update_status(wanted)
    assert written["status"] == {"state": "Active"}
    assert written["spec"] == made["spec"]
    assert written["metadata"]["generation"] == 1
    assert await store.objects.update_status(written) == written
    with pytest.raises(ConflictError):
        await store.objects.update_status({**made, "status": {"state": "Failed"}})
    kept = await store.objects.update({**with_spec(written, timeout=9), "status": {}})
    assert kept["status"] == {"state": "Active"}
    replaced = await store.objects.update_status({**kept, "status": {"revision": "a"}})
    assert replaced["status"] == {"revision": "a"}


async def a_delete_is_of_the_object_that_was_meant(store: Store) -> None:
    made = await store.objects.create(make_config_map(store))
    uid, version = made["metadata"]["uid"], made["metadata"]["resourceVersion"]
    delete = store.objects.delete
    with pytest.raises(ConflictError):
        await delete(CONFIG_MAP, store.namespace, "one", uid="another")
    await store.objects.update({**made, "data": {"a": "2"}})
    with pytest.raises(ConflictError):
        await delete(CONFIG_MAP, store.namespace, "one", uid=uid, version=version)
    await delete(CONFIG_MAP, store.namespace, "one", uid=uid)
    await store.objects.create(make_config_map(store))
    await delete(CONFIG_MAP, store.namespace, "one")
    with pytest.raises(NotFoundError):
        await store.objects.get(CONFIG_MAP, store.namespace, "one")


async def what_an_object_owns_goes_with_it(store: Store) -> None:
    """Over two steps, and nothing else."""
    owner = await store.objects.create(make_function(store))
    child = await store.objects.create(make_config_map(store, "child", **own(owner)))
    await store.objects.create(make_config_map(store, "grandchild", **own(child)))
    await store.objects.create(make_config_map(store, "other"))
    await store.objects.delete(FUNCTION, store.namespace, "one")
    assert await store.wait_gone(CONFIG_MAP, "child")
    assert await store.wait_gone(CONFIG_MAP, "grandchild")
    assert "other" in await store.list_names(CONFIG_MAP)


async def what_has_another_owner_stays(store: Store) -> None:
    first = await store.objects.create(make_function(store))
    second = await store.objects.create(make_function(store, "two"))
    references = own(first)["ownerReferences"] + own(second)["ownerReferences"]
    await store.objects.create(make_config_map(store, "child", ownerReferences=references))
    await store.objects.create(make_config_map(store, "only", **own(first)))
    await store.objects.delete(FUNCTION, store.namespace, "one")
    assert await store.wait_gone(CONFIG_MAP, "only")
    assert "child" in await store.list_names(CONFIG_MAP)
    await store.objects.delete(FUNCTION, store.namespace, "two")
    assert await store.wait_gone(CONFIG_MAP, "child")


async def an_object_with_a_finalizer_goes_when_that_is_taken_away(store: Store) -> None:
    made = await store.objects.create(make_config_map(store, finalizers=["kubelambda.io/test"]))
    await store.objects.delete(CONFIG_MAP, store.namespace, "one")
    marked = await store.objects.get(CONFIG_MAP, store.namespace, "one")
    assert marked["metadata"]["deletionTimestamp"]
    assert version_of(marked) > version_of(made)
    metadata = {key: value for key, value in marked["metadata"].items() if key != "finalizers"}
    await store.objects.update({**marked, "metadata": metadata})
    with pytest.raises(NotFoundError):
        await store.objects.get(CONFIG_MAP, store.namespace, "one")


async def a_list_comes_in_pages_of_one_version(store: Store) -> None:
    count = 101
    for number in range(count):
        await store.objects.create(make_config_map(store, f"many-{number:03}"))
    pages = [page async for page in store.objects.list_pages(CONFIG_MAP, store.namespace)]
    assert len({page.version for page in pages}) == 1
    names = [item["metadata"]["name"] for page in pages for item in page.items]
    assert [name for name in names if name.startswith("many-")] == sorted(
        f"many-{number:03}" for number in range(count)
    )
    assert pages[0].items[0]["kind"] == CONFIG_MAP


async def a_list_is_of_one_namespace_or_of_all(store: Store) -> None:
    await store.objects.create(make_function(store))
    elsewhere, _ = await list_all(store.objects, FUNCTION, "no-such-namespace")
    everywhere, _ = await list_all(store.objects, FUNCTION)
    assert not elsewhere
    assert store.namespace in [item["metadata"]["namespace"] for item in everywhere]


async def a_watch_from_a_list_misses_nothing_and_repeats_nothing(store: Store) -> None:
    await store.objects.create(make_function(store, "before"))
    _, version = await list_all(store.objects, FUNCTION, store.namespace)
    watching = asyncio.create_task(store.watch(FUNCTION, version, 3))
    made = await store.objects.create(make_function(store))
    await store.objects.create(make_config_map(store))
    changed = await store.objects.update(with_spec(made, timeout=9))
    await store.objects.delete(FUNCTION, store.namespace, "one")
    events = await asyncio.wait_for(watching, 30)
    assert [kind for kind, _ in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert events[0][1] == made
    assert events[1][1] == changed
    versions = [version_of(manifest) for _, manifest in events]
    assert versions == sorted(set(versions))
    assert versions[0] > int(version)


async def a_watch_continues_from_the_version_of_an_event(store: Store) -> None:
    _, version = await list_all(store.objects, FUNCTION, store.namespace)
    made = await store.objects.create(make_function(store))
    for number in range(4, 8):
        made = await store.objects.update(with_spec(made, timeout=number))
    first = await asyncio.wait_for(store.watch(FUNCTION, version, 2), 30)
    second = await asyncio.wait_for(
        store.watch(FUNCTION, first[-1][1]["metadata"]["resourceVersion"], 3), 30
    )
    timeouts = [manifest["spec"]["timeout"] for _, manifest in (*first, *second)]
    assert timeouts == [3, 4, 5, 6, 7]


async def several_watchers_are_told_the_same(store: Store) -> None:
    _, version = await list_all(store.objects, FUNCTION, store.namespace)
    watching = [asyncio.create_task(store.watch(FUNCTION, version, 2)) for _ in range(3)]
    await store.objects.create(make_function(store))
    await store.objects.delete(FUNCTION, store.namespace, "one")
    found = await asyncio.wait_for(asyncio.gather(*watching), 30)
    assert found[0] == found[1] == found[2]


async def a_watch_from_a_version_that_is_forgotten_is_expired(store: Store) -> None:
    _, version = await list_all(store.objects, FUNCTION, store.namespace)
    await store.objects.create(make_function(store))
    if not await store.compact():
        pytest.skip("nobody can ask this store to forget")
    with pytest.raises(ExpiredError):
        await asyncio.wait_for(store.watch(FUNCTION, version, 1), 30)
    _, version = await list_all(store.objects, FUNCTION, store.namespace)
    await store.objects.delete(FUNCTION, store.namespace, "one")
    ((kind, _),) = await asyncio.wait_for(store.watch(FUNCTION, version, 1), 30)
    assert kind == "DELETED"


async def text_of_a_secret_is_kept_as_base64(store: Store) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": SECRET,
        "metadata": {"name": "one", "namespace": store.namespace},
        "stringData": {"password": "hunter2"},
    }
    made = await store.objects.create(manifest)
    assert made["data"] == {"password": "aHVudGVyMg=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made
    with pytest.raises(InvalidError):
        await store.objects.update({**made, "data": {"password": "no base64!"}})


async def what_a_caller_does_to_a_manifest_changes_nothing_kept(store: Store) -> None:
    manifest = make_function(store)
    made = await store.objects.create(manifest)
    manifest["spec"]["timeout"] = made["spec"]["timeout"] = 77
    found = await store.objects.get(FUNCTION, store.namespace, "one")
    assert found["spec"]["timeout"] == 3


Case = Callable[[Store], Awaitable[None]]
CASES: tuple[Case, ...] = (
    what_is_created_can_be_read_and_has_what_a_server_adds,
    names_are_taken_and_missed_by_type,
    a_kind_that_does_not_exist_is_told_with_the_one_that_was_meant,
    an_object_that_breaks_a_rule_is_refused_with_the_field,
    an_unknown_field_is_refused,
    a_refused_change_leaves_the_object_as_it_was,
    an_update_is_of_the_version_that_was_read,
    of_two_who_have_read_the_same_one_wins,
    an_update_that_changes_nothing_keeps_the_version,
    only_a_change_of_content_raises_the_generation,
    nobody_but_the_store_decides_on_its_fields,
    a_status_is_written_by_itself,
    a_delete_is_of_the_object_that_was_meant,
    what_an_object_owns_goes_with_it,
    what_has_another_owner_stays,
    an_object_with_a_finalizer_goes_when_that_is_taken_away,
    a_list_comes_in_pages_of_one_version,
    a_list_is_of_one_namespace_or_of_all,
    a_watch_from_a_list_misses_nothing_and_repeats_nothing,
    a_watch_continues_from_the_version_of_an_event,
    several_watchers_are_told_the_same,
    a_watch_from_a_version_that_is_forgotten_is_expired,
    text_of_a_secret_is_kept_as_base64,
    what_a_caller_does_to_a_manifest_changes_nothing_kept,
)

WRITTEN_BY_A_CONTROLLER: tuple[Case, ...] = (
    what_is_created_can_be_read_and_has_what_a_server_adds,
    a_refused_change_leaves_the_object_as_it_was,
    an_update_is_of_the_version_that_was_read,
    of_two_who_have_read_the_same_one_wins,
    an_update_that_changes_nothing_keeps_the_version,
    only_a_change_of_content_raises_the_generation,
    nobody_but_the_store_decides_on_its_fields,
    a_status_is_written_by_itself,
    a_watch_from_a_list_misses_nothing_and_repeats_nothing,
    a_watch_continues_from_the_version_of_an_event,
)
"""Cases that a controller disturbs: it writes the statuses of their objects at the same time."""
