"""What was applied is served beside the files, and its statuses say what became of it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.function import FunctionRef
from kubelambda.local.function_files import FunctionFiles
from kubelambda.local.machine import find_machine
from kubelambda.local.stored import Stored
from kubelambda.objects.port import Manifest
from kubelambda.objects.sqlite import SqliteObjects

REF = FunctionRef("default", "hello")
WAIT_S = 120.0


def make(kind: str, name: str, spec: dict[str, Any]) -> Manifest:
    metadata = {"name": name, "namespace": "default"}
    version = "kubelambda.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def make_function(**spec: Any) -> Manifest:
    code = {"inline": {"app.py": "x = 1"}}
    wanted = {"runtime": "python3.13", "handler": "app.handler", "code": code, **spec}
    return make("LambdaFunction", "hello", wanted)


class Harness:
    """A store, a directory of files, and what is served of both."""

    def __init__(self, directory: Path, objects: SqliteObjects) -> None:
        self.directory = directory
        self.objects = objects
        self.index = FunctionIndex()
        self.printed: list[str] = []
        self.files = FunctionFiles(
            paths=[directory],
            index=self.index,
            machine=find_machine(),
            holds_package=lambda _name: False,
            say=self.printed.append,
        )
        self.stored = Stored(objects, self.files, "us-east-1")

    def write_file(self, timeout: int = 7) -> None:
        text = (
            "apiVersion: kubelambda.io/v1alpha1\nkind: LambdaFunction\nmetadata: {name: hello}\n"
            f"spec: {{runtime: python3.13, handler: a.b, timeout: {timeout}, "
            "code: {inline: {a.py: x}}}\n"
        )
        (self.directory / "hello.yaml").write_text(text)

    @property
    def timeout_s(self) -> float | None:
        function = self.index.get(REF)
        return function.timeout_s if function is not None else None

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not holds():
                await asyncio.sleep(0.005)

    async def wait_for_condition(self, kind: str, name: str, reason: str) -> Manifest:
        """The object, once the reason of its condition Ready is this."""
        async with asyncio.timeout(WAIT_S):
            while True:
                found = await self.objects.get(kind, "default", name)
                conditions = found.get("status", {}).get("conditions", [])
                if [one["reason"] for one in conditions if one["type"] == "Ready"] == [reason]:
                    return found
                await asyncio.sleep(0.005)


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    ticks = itertools.count(1_767_225_600)
    directory = tmp_path / "files"
    directory.mkdir()
    objects = SqliteObjects(tmp_path / "objects.sqlite", lambda: float(next(ticks)))
    await objects.open()
    made = Harness(directory, objects)
    await made.stored.start()
    made.files.load()
    yield made
    await made.stored.close()


async def test_what_is_applied_changed_and_deleted_is_served_so(harness: Harness) -> None:
    made = await harness.objects.create(make_function())
    await harness.wait_for(lambda: harness.timeout_s == 3)
    function = harness.index.get(REF)
    assert function is not None
    assert function.uid == made["metadata"]["uid"]
    ready = await harness.wait_for_condition("LambdaFunction", "hello", "Ready")
    assert ready["status"]["state"] == "Active"
    assert ready["status"]["functionArn"].endswith(":function:hello")
    await harness.objects.update({**ready, "spec": {**ready["spec"], "timeout": 9}})
    await harness.wait_for(lambda: harness.timeout_s == 9)
    await harness.objects.delete("LambdaFunction", "default", "hello")
    await harness.wait_for(lambda: harness.timeout_s is None)


async def test_a_status_is_written_once(harness: Harness) -> None:
    await harness.objects.create(make_function())
    written = await harness.wait_for_condition("LambdaFunction", "hello", "Ready")
    harness.files.reload()
    for _ in range(20):
        await asyncio.sleep(0)
    await harness.objects.create(
        make("LambdaLayer", "base-1", {"version": 1, "content": {"inline": {"a": "b"}}})
    )
    await harness.wait_for_condition("LambdaLayer", "base-1", "Ready")
    assert await harness.objects.get("LambdaFunction", "default", "hello") == written


async def test_why_it_cannot_be_served_stands_in_its_status(harness: Harness) -> None:
    await harness.objects.create(make_function(layers=[{"name": "base", "version": 1}]))
    refused = await harness.wait_for_condition("LambdaFunction", "hello", "LayerNotFound")
    stalled = next(one for one in refused["status"]["conditions"] if one["type"] == "Stalled")
    assert "base:1" in stalled["message"]
    content = {"inline": {"a": "b"}}
    await harness.objects.create(make("LambdaLayer", "base-1", {"version": 1, "content": content}))
    await harness.wait_for_condition("LambdaFunction", "hello", "Ready")
    layer = await harness.wait_for_condition("LambdaLayer", "base-1", "Ready")
    assert layer["status"]["layerName"] == "base"
    await harness.objects.delete("LambdaLayer", "default", "base-1")

    def keeps_layer() -> bool:
        function = harness.index.get(REF)
        return function is not None and function.layers[0].remembered

    await harness.wait_for(keeps_layer)
    await harness.wait_for_condition("LambdaFunction", "hello", "Ready")


async def test_values_and_code_come_from_what_was_applied(harness: Harness) -> None:
    code = {"configMapRef": {"name": "code"}}
    await harness.objects.create(make_function(code=code))
    await harness.wait_for_condition("LambdaFunction", "hello", "InvalidSpec")
    await harness.objects.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "code", "namespace": "default"},
            "data": {"app.py": "x = 1"},
        }
    )
    await harness.wait_for_condition("LambdaFunction", "hello", "Ready")


async def test_of_a_name_in_both_the_file_is_served_and_that_is_said(harness: Harness) -> None:
    await harness.objects.create(make_function())
    await harness.wait_for(lambda: harness.timeout_s == 3)
    harness.write_file()
    harness.files.reload()
    assert harness.timeout_s == 7
    (said,) = harness.printed
    assert "hello.yaml holds an object of this name" in said
    assert "the applied LambdaFunction default/hello" in said
    shadowed = await harness.wait_for_condition("LambdaFunction", "hello", "InvalidSpec")
    assert "hello.yaml" in shadowed["status"]["conditions"][0]["message"]
    (harness.directory / "hello.yaml").unlink()
    harness.files.reload()
    assert harness.timeout_s == 3
    await harness.wait_for_condition("LambdaFunction", "hello", "Ready")


async def test_it_is_served_again_after_a_restart(tmp_path: Path, harness: Harness) -> None:
    await harness.objects.create(make_function())
    await harness.stored.close()
    objects = SqliteObjects(tmp_path / "objects.sqlite", lambda: 1_767_300_000.0)
    await objects.open()
    again = Harness(harness.directory, objects)
    await again.stored.start()
    again.files.load()
    assert again.timeout_s == 3
    await again.stored.close()


async def test_a_history_that_was_forgotten_is_made_up_for(harness: Harness) -> None:
    """The watch lists again, and misses nothing."""
    for _ in range(3):
        await harness.objects.create(make_function())
        await harness.objects.compact()
        await harness.wait_for(lambda: harness.timeout_s == 3)
        await harness.objects.delete("LambdaFunction", "default", "hello")
        await harness.objects.compact()
        await harness.wait_for(lambda: harness.timeout_s is None)
