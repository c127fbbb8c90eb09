"""The packages that local mode's files and objects name, also those that cannot be served."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.code import UploadedPackage
from kubelambda.core.packages.names import NamesUnknownError
from kubelambda.local.package_names import LocalNames
from kubelambda.objects.sqlite import SqliteObjects
from unit.functions import make_function

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[SqliteObjects]:
    (tmp_path / "state").mkdir()
    objects = SqliteObjects(tmp_path / "state" / "objects.sqlite", time.time)
    await objects.open()
    yield objects
    await objects.close()


async def read(objects: SqliteObjects, *paths: Path) -> frozenset[str]:
    return await LocalNames(paths, objects, FunctionIndex()).read()


async def test_every_file_is_searched_whatever_is_wrong_with_it(
    tmp_path: Path, objects: SqliteObjects
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.yaml").write_text(f"spec: {{code: {{package: {A}}}}}")
    (tmp_path / "broken.yml").write_text(f"spec: [ 'content: {B}")
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe package: " + C.encode())
    (tmp_path / "directory.yaml").mkdir()
    assert await read(objects, tmp_path) == {A, B, C}


async def test_what_only_contains_a_sha256_is_no_name(
    tmp_path: Path, objects: SqliteObjects
) -> None:
    (tmp_path / "a.yaml").write_text(f"text: {A}0\nshort: {B[1:]}\nupper: {C.upper()}")
    assert await read(objects, tmp_path) == set()


async def test_what_is_served_as_it_was_before_its_file_was_broken_is_told(
    tmp_path: Path, objects: SqliteObjects
) -> None:
    index = FunctionIndex()
    index.put(make_function(code=UploadedPackage(A)))
    assert LocalNames([tmp_path], objects, index).list_served() == {A}


async def test_a_path_that_is_not_there_now_makes_all_names_unknown(
    tmp_path: Path, objects: SqliteObjects
) -> None:
    with pytest.raises(NamesUnknownError):
        await read(objects, tmp_path / "moved.yaml")


def build_version(package: str) -> dict[str, Any]:
    snapshot = {"runtime": "python3.13", "handler": "a.b", "code": {"package": package}}
    spec = {"functionName": "hello", "version": 1, "snapshot": snapshot}
    return {
        "apiVersion": "kubelambda.io/v1alpha1",
        "kind": "LambdaVersion",
        "metadata": {"name": "hello.first", "namespace": "default"},
        "spec": spec,
    }


async def test_a_published_version_names_its_package(
    tmp_path: Path, objects: SqliteObjects
) -> None:
    await objects.create(build_version(A))
    assert await read(objects) == {A}
    await objects.delete("LambdaVersion", "default", "hello.first")
    assert await read(objects) == set()
