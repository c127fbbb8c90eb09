"""An assembly with machine code for another system becomes a plain one, and only such a one."""

import importlib.util
import io
import struct
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "tests/conformance/runtimes/sources/dotnet/mono-app.zip"
NATIVE_HEADER, FLAGS = 64, 16


@pytest.fixture
def il_only() -> object:
    path = ROOT / "runtimes/dotnet/stand-in/il_only.py"
    spec = importlib.util.spec_from_file_location("il_only", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def image() -> bytearray:
    """An assembly without machine code."""
    with zipfile.ZipFile(io.BytesIO(PACKAGE.read_bytes())) as package:
        return bytearray(package.read("App.dll"))


def find_cli_header(il_only: object, image: bytearray) -> int:
    pe = struct.unpack_from("<I", image, 0x3C)[0]
    sections, header_size = struct.unpack_from("<H12xH", image, pe + 6)
    address = struct.unpack_from("<I", image, pe + 24 + 96 + 8 * 14)[0]
    return il_only.find_offset(image, pe + 24 + header_size, sections, address)  # type: ignore[attr-defined, no-any-return]


def test_one_without_machine_code_stays_as_it_is(il_only: object, image: bytearray) -> None:
    before = bytes(image)
    assert il_only.clear_machine_code(image) is False  # type: ignore[attr-defined]
    assert bytes(image) == before


def test_machine_code_is_no_longer_named(il_only: object, image: bytearray) -> None:
    cli = find_cli_header(il_only, image)
    struct.pack_into("<II", image, cli + NATIVE_HEADER, 0x2000, 136)
    struct.pack_into("<I", image, cli + FLAGS, 4)
    assert il_only.clear_machine_code(image) is True  # type: ignore[attr-defined]
    assert struct.unpack_from("<II", image, cli + NATIVE_HEADER) == (0, 0)
    assert struct.unpack_from("<I", image, cli + FLAGS) == (1,)
    assert il_only.clear_machine_code(image) is False  # type: ignore[attr-defined]
