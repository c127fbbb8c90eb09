"""The packages that local mode's files name, also those that cannot be served."""

from pathlib import Path

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.model.code import UploadedPackage
from kubelambda.core.packages.names import NamesUnknownError
from kubelambda.local.package_names import FileNames
from unit.functions import make_function

A, B, C = "a" * 64, "b" * 64, "c" * 64


async def read(*paths: Path) -> frozenset[str]:
    return await FileNames(paths, FunctionIndex()).read()


async def test_every_file_is_searched_whatever_is_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.yaml").write_text(f"spec: {{code: {{package: {A}}}}}")
    (tmp_path / "broken.yml").write_text(f"spec: [ 'content: {B}")
    (tmp_path / "odd.yaml").write_bytes(b"\xff\xfe package: " + C.encode())
    (tmp_path / "directory.yaml").mkdir()
    assert await read(tmp_path) == {A, B, C}


async def test_what_only_contains_a_sha256_is_no_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"text: {A}0\nshort: {B[1:]}\nupper: {C.upper()}")
    assert await read(tmp_path) == set()


def test_what_is_served_as_it_was_before_its_file_was_broken_is_told(tmp_path: Path) -> None:
    index = FunctionIndex()
    index.put(make_function(code=UploadedPackage(A)))
    assert FileNames([tmp_path], index).list_served() == {A}


async def test_a_path_that_is_not_there_now_makes_all_names_unknown(tmp_path: Path) -> None:
    with pytest.raises(NamesUnknownError):
        await read(tmp_path / "moved.yaml")
