"""Versions and aliases that were applied to local mode are published, served, judged and kept."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.code import InlineFiles
from kubelambda.core.model.function import FunctionRef
from kubelambda.local.function_files import FunctionFiles
from kubelambda.local.machine import find_machine
from kubelambda.local.stored import Stored
from kubelambda.objects.errors import NotFoundError
from kubelambda.objects.port import Manifest, list_all
from kubelambda.objects.sqlite import SqliteObjects

SEEN_S = 120.0


def build_object(kind: str, name: str, **spec: Any) -> Manifest:
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def build_function(text: str, **spec: Any) -> Manifest:
    code = {"inline": {"app.py": text}}
    return build_object(
        "LambdaFunction", "hello", runtime="python3.13", handler="app.handler", code=code, **spec
    )


def build_version(name: str, **spec: Any) -> Manifest:
    return build_object("LambdaVersion", f"hello.{name}", functionName="hello", **spec)


def build_alias(version: str) -> Manifest:
    spec = {"functionName": "hello", "functionVersion": version}
    return build_object("LambdaAlias", "hello.live", **spec)


class LocalStore:
    """Local mode's store and what is served of it, without a gateway."""

    def __init__(self, directory: Path, objects: SqliteObjects) -> None:
        self.objects = objects
        self.index = FunctionIndex()
        files = FunctionFiles(
            paths=[],
            index=self.index,
            machine=find_machine(),
            holds_package=lambda _: False,
            say=lambda _: None,
        )
        self.stored = Stored(objects, files, "us-east-1")
        self._files = files

    async def start(self) -> None:
        await self.stored.start()
        self._files.load()

    async def apply(self, manifest: Manifest) -> Manifest:
        """Create it, or replace what its spec says."""
        metadata = manifest["metadata"]
        try:
            live = await self.objects.get(manifest["kind"], "default", metadata["name"])
        except NotFoundError:
            return await self.objects.create(manifest)
        spec = {**live["spec"], **copy.deepcopy(manifest["spec"])}
        return await self.objects.update({**live, "spec": spec})

    async def apply_ready(self, manifest: Manifest) -> Manifest:
        await self.apply(manifest)
        return await self.wait(manifest, lambda found: read_ready(found)[0] == "True")

    async def wait(self, manifest: Manifest, holds: Callable[[Manifest], bool]) -> Manifest:
        """The object once ``holds`` is true of it."""
        name = manifest["metadata"]["name"]
        async with asyncio.timeout(SEEN_S):
            while True:
                found = await self.objects.get(manifest["kind"], "default", name)
                if holds(found):
                    return found
                await asyncio.sleep(0.01)

    async def wait_served(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SEEN_S):
            while not holds():
                await asyncio.sleep(0.01)

    def find_text(self, qualifier: str) -> str:
        """The code that an invocation of this qualifier runs; empty if there is nothing."""
        alias = self.index.find_alias("default", "hello", qualifier)
        version = alias.choose(0.5) if alias is not None else qualifier
        found = self.index.find_version("default", "hello", version)
        if found is None or found.cannot_run:
            return ""
        assert isinstance(found.code, InlineFiles)
        return found.code.files["app.py"]


def read_ready(found: Manifest) -> tuple[str, str, str]:
    """Status, reason and message of Ready for this generation of the object."""
    status = found.get("status") or {}
    if status.get("observedGeneration") != found["metadata"]["generation"]:
        return "", "", ""
    (ready,) = (one for one in status["conditions"] if one["type"] == "Ready")
    return ready["status"], ready["reason"], ready["message"]


@asynccontextmanager
async def open_local(directory: Path) -> AsyncIterator[LocalStore]:
    objects = SqliteObjects(directory / "objects.sqlite", lambda: 1_800_000_000.0)
    await objects.open()
    store = LocalStore(directory, objects)
    await store.start()
    try:
        yield store
    finally:
        await store.stored.close()


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[LocalStore]:
    async with open_local(tmp_path) as store:
        yield store


async def test_a_version_keeps_what_was_published_when_the_function_moves_on(
    local: LocalStore,
) -> None:
    await local.apply_ready(build_function("one"))
    first = await local.apply_ready(build_version("first"))
    assert first["spec"]["version"] == 1
    assert first["status"]["functionArn"].endswith(":function:hello:1")
    await local.apply_ready(build_alias("1"))
    await local.apply_ready(build_function("two"))
    await local.apply_ready(build_version("second"))
    await local.wait_served(lambda: local.find_text("2") == "two")
    assert [local.find_text(one) for one in ("$LATEST", "1", "live")] == ["two", "one", "one"]
    await local.apply_ready(build_alias("2"))
    await local.wait_served(lambda: local.find_text("live") == "two")
    function = await local.wait(
        build_function(""), lambda found: found["status"].get("versionCount") == 2
    )
    assert function["status"]["lastVersion"] == 2


async def test_equal_ones_in_a_row_are_one_version_and_the_older_object_serves_it(
    local: LocalStore,
) -> None:
    await local.apply_ready(build_function("one"))
    first = await local.apply_ready(build_version("first"))
    same = await local.apply_ready(build_version("same"))
    assert same["spec"]["version"] == first["spec"]["version"]
    assert "hello.first" in read_ready(same)[2]
    await local.wait_served(lambda: local.find_text("1") == "one")
    found = local.index.find_version("default", "hello", "1")
    assert found is not None
    assert found.ref == FunctionRef("default", "hello.first")


async def test_a_number_is_never_used_again(local: LocalStore) -> None:
    await local.apply_ready(build_function("one"))
    await local.apply_ready(build_version("first"))
    await local.objects.delete("LambdaVersion", "default", "hello.first")
    await local.apply_ready(build_function("two"))
    again = await local.apply_ready(build_version("first"))
    assert again["spec"]["version"] == 2


async def test_every_change_is_published_by_itself(local: LocalStore) -> None:
    await local.apply_ready(build_function("one", publish=True))
    await local.wait_served(lambda: local.find_text("1") == "one")
    await local.apply_ready(build_function("two", publish=True))
    await local.wait_served(lambda: local.find_text("2") == "two")
    versions, _ = await list_all(local.objects, "LambdaVersion")
    assert sorted(one["metadata"]["name"] for one in versions) == ["hello.1", "hello.2"]


async def test_values_of_a_config_map_stay_with_the_version(local: LocalStore) -> None:
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "default"},
        "data": {"word": "kept"},
    }
    await local.objects.create(config_map)
    value = {"name": "WORD", "configMapKeyRef": {"name": "settings", "key": "word"}}
    await local.apply_ready(build_function("one", environment={"valuesFrom": [value]}))
    await local.apply_ready(build_version("first"))
    await local.objects.delete("ConfigMap", "default", "settings")
    function = build_function("")
    await local.wait(function, lambda found: read_ready(found)[0] == "False")
    found = local.index.find_version("default", "hello", "1")
    assert found is not None
    assert found.environment["WORD"] == "kept"


async def test_an_alias_says_that_its_version_is_gone(local: LocalStore) -> None:
    await local.apply_ready(build_function("one"))
    await local.apply_ready(build_version("first"))
    await local.apply_ready(build_alias("1"))
    await local.objects.delete("LambdaVersion", "default", "hello.first")
    gone = await local.wait(build_alias("1"), lambda found: read_ready(found)[0] == "False")
    assert read_ready(gone)[1] == "VersionNotFound"


async def test_a_version_and_an_alias_without_a_function_wait_for_it(local: LocalStore) -> None:
    for manifest in (build_alias("1"), build_version("first")):
        await local.apply(manifest)
        found = await local.wait(manifest, lambda found: read_ready(found)[0] == "False")
        assert read_ready(found)[1] == "FunctionNotFound"
    await local.apply(build_function("one"))
    await local.wait(build_alias("1"), lambda found: read_ready(found)[0] == "True")
    await local.wait_served(lambda: local.find_text("live") == "one")


async def test_nothing_is_left_of_a_deleted_function(local: LocalStore) -> None:
    await local.apply_ready(build_function("one"))
    await local.apply_ready(build_version("first"))
    await local.apply_ready(build_alias("1"))
    await local.objects.delete("LambdaFunction", "default", "hello")
    await local.wait_served(lambda: not local.index.refs())
    for kind in ("LambdaVersion", "LambdaAlias"):
        assert (await list_all(local.objects, kind))[0] == []


async def test_all_of_it_survives_a_restart(tmp_path: Path) -> None:
    async with open_local(tmp_path) as before:
        await before.apply_ready(build_function("one"))
        await before.apply_ready(build_version("first"))
        await before.apply_ready(build_alias("1"))
        await before.apply_ready(build_function("two"))
    async with open_local(tmp_path) as after:
        await after.wait_served(lambda: after.find_text("live") == "one")
        assert after.find_text("$LATEST") == "two"
        await after.apply_ready(build_version("second"))
        await after.wait_served(lambda: after.find_text("2") == "two")
