"""A directory becomes one package, the same everywhere (``kubelambda.cli.package_zip``)."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from kubelambda.cli.failure import CommandError
from kubelambda.cli.package_zip import build_zip, read_package, warn_of_backslashes
from kubelambda.core.packages.zip_check import check_package


def make_tree(directory: Path) -> Path:
    (directory / "pkg").mkdir(parents=True)
    (directory / "app.py").write_text("x = 1\n")
    (directory / "pkg" / "data.bin").write_bytes(b"\0\1")
    (directory / "bootstrap").write_text("#!/bin/sh\n")
    (directory / "bootstrap").chmod(0o700)
    return directory


def test_the_same_files_give_the_same_package_whenever_they_were_written(tmp_path: Path) -> None:
    one, other = make_tree(tmp_path / "one"), make_tree(tmp_path / "other")
    os.utime(other / "app.py", (0, 1_000_000_000))
    assert build_zip(one) == build_zip(other)


def test_a_package_keeps_names_bytes_and_the_right_to_execute(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(build_zip(make_tree(tmp_path)))) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        assert modes == {
            "app.py": 0o100644,
            "bootstrap": 0o100755,
            "pkg/data.bin": 0o100644,
        }
        assert archive.read("pkg/data.bin") == b"\0\1"


def test_what_belongs_to_version_control_or_to_an_interpreter_stays_out(tmp_path: Path) -> None:
    make_tree(tmp_path)
    for name in (".git", "__pycache__"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("")
    with zipfile.ZipFile(io.BytesIO(build_zip(tmp_path))) as archive:
        assert sorted(archive.namelist()) == ["app.py", "bootstrap", "pkg/data.bin"]


def test_a_link_inside_is_its_file_and_a_link_outside_is_refused(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    (tree / "same.py").symlink_to("app.py")
    with zipfile.ZipFile(io.BytesIO(build_zip(tree))) as archive:
        assert archive.read("same.py") == b"x = 1\n"
    (tree / "secret").symlink_to("/etc/hostname")
    with pytest.raises(CommandError, match="outside"):
        build_zip(tree)


def test_a_link_to_a_directory_inside_stays_a_link(tmp_path: Path) -> None:
    tree = make_tree(tmp_path)
    (tree / "deep").mkdir()
    (tree / "deep" / "current").symlink_to(tree / "pkg")
    content = build_zip(tree)
    check_package(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("deep/current") == b"../pkg"
        assert archive.getinfo("deep/current").external_attr >> 16 == 0o120777


def test_a_zip_that_no_environment_could_unpack_is_refused_before_it_is_sent(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../app.py", "x")
    with pytest.raises(CommandError, match=r"a\.zip: the file name .* leaves the package"):
        read_package(tmp_path / "a.zip")


def test_names_with_backslashes_are_told_and_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lib\\a.py", "x")
    warn_of_backslashes(path, read_package(path))
    assert "1 names with a backslash, such as 'lib\\\\a.py'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent", "does not exist"), ("empty", "holds no files"), ("text", "neither a directory")],
)
def test_what_is_no_package_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("x")
    with pytest.raises(CommandError, match=message):
        read_package(tmp_path / name)


def test_a_zip_is_sent_as_it_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("app.py", "x")
    assert read_package(tmp_path / "a.zip") == (tmp_path / "a.zip").read_bytes()
