"""A zip is refused before it is kept where no environment could unpack it (spec 6.2)."""

import base64
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kubelambda.core.model.code import InlineFiles, InlineZip
from kubelambda.core.packages.zip_check import (
    PackageRefusedError,
    check_package,
    describe_bad_zip,
    list_backslashed,
)

VECTORS = json.loads(
    (Path(__file__).resolve().parents[3] / "vectors" / "packages.json").read_text()
)
NAMES = {"LONG": "x" * 2000, "DEEP": "a/" * 100 + "x"}


def pack(entries: Sequence[Mapping[str, str]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for described in entries:
            entry = zipfile.ZipInfo("x")
            entry.filename = NAMES.get(described["name"], described["name"])
            entry.create_system = 3
            entry.external_attr = int(described.get("mode", "0100644"), 8) << 16
            archive.writestr(entry, described.get("text", ""))
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["rule"])
def test_the_shared_vectors_are_judged_as_the_agent_judges_them(vector: dict[str, Any]) -> None:
    content = pack(vector["entries"])
    if "refused" not in vector:
        check_package(content)
        return
    with pytest.raises(PackageRefusedError, match=vector["refused"]):
        check_package(content)


@pytest.mark.parametrize(
    "content", [b"", b"#!/bin/sh\n", pack([{"name": "a", "text": "text"}])[:-10]]
)
def test_what_is_no_zip_is_refused_in_awss_words(content: bytes) -> None:
    with pytest.raises(PackageRefusedError, match="Could not unzip uploaded file"):
        check_package(content)


def test_a_package_that_unpacks_to_too_much_is_refused_in_awss_words() -> None:
    content = bytearray(pack([{"name": "a", "text": "text"}]))
    size_at = content.index(b"PK\x01\x02") + 24
    content[size_at : size_at + 4] = (262_144_001).to_bytes(4, "little")
    with pytest.raises(PackageRefusedError, match="Unzipped size must be smaller than"):
        check_package(bytes(content))


def test_names_with_backslashes_are_listed() -> None:
    assert list_backslashed(pack([{"name": "app.py"}, {"name": "lib\\a.py"}])) == ["lib\\a.py"]


def test_a_zip_in_an_object_is_judged_as_well() -> None:
    good = base64.b64encode(pack([{"name": "app.py"}])).decode()
    bad = base64.b64encode(b"no zip").decode()
    assert describe_bad_zip([InlineFiles({"a": ""}), InlineZip(good)]) == ""
    assert describe_bad_zip([InlineZip(bad)]).startswith("zipFile: Could not unzip")
