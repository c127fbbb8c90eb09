"""Making a package of a directory, or taking a zip file as it is.

Contract: the same files give the same bytes, whatever the machine and the time. CommandError if
something cannot be read or Lambda would refuse the package.
"""

import io
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from kubelambda.cli.failure import CommandError
from kubelambda.core.packages.store import PACKAGE_BYTES_MAX
from kubelambda.core.packages.zip_check import PackageRefusedError, check_package, list_backslashed

SKIPPED = frozenset({".git", ".hg", ".svn", "__pycache__"})
"""Names of directories that are left out."""
_UNIX = 3
"""Says in a zip's entry that its attributes are a Unix mode."""


def read_package(path: Path) -> bytes:
    """The zip at ``path``, or the one made of the directory there."""
    if path.is_dir():
        content = build_zip(path)
    elif zipfile.is_zipfile(path):
        content = path.read_bytes()
    elif path.exists():
        raise CommandError(f"{path} is neither a directory nor a zip file")
    else:
        raise CommandError(f"{path} does not exist")
    if len(content) > PACKAGE_BYTES_MAX:
        raise CommandError(
            f"{path} is a package of {len(content)} bytes; Lambda takes at most "
            f"{PACKAGE_BYTES_MAX}: leave out what the function does not need, or move libraries "
            "into layers"
        )
    try:
        check_package(content)
    except PackageRefusedError as error:
        raise CommandError(f"{path}: {error}") from error
    return content


def warn_of_backslashes(path: Path, content: bytes) -> None:
    """Warn of a zip with Windows' separators: Lambda takes it, but finds no directories in it."""
    names = list_backslashed(content)
    if names:
        print(
            f"kubelambda: {path} has {len(names)} names with a backslash, such as {names[0]!r}: "
            "each is one file of that name, in no directory. If directories were meant, pack it "
            "with `kubelambda package push DIRECTORY`, tar or 7-Zip",
            file=sys.stderr,
        )


def build_zip(directory: Path) -> bytes:
    """The zip of a directory's files: sorted, dated 1980, with modes 0644 and 0755."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        files = list(_iter_files(directory, directory.resolve()))
        if not files:
            raise CommandError(f"{directory} holds no files")
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(directory).as_posix())
            if path.is_dir():  # a link, which stays one: its files are in the package already
                target = os.path.relpath(path.resolve(), path.parent.resolve())
                entry.create_system, entry.external_attr = _UNIX, 0o120777 << 16
                archive.writestr(entry, target)
                continue
            mode = 0o755 if path.stat().st_mode & 0o111 else 0o644
            entry.create_system = _UNIX
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _iter_files(directory: Path, root: Path) -> Iterator[Path]:
    """All files, and links to directories that lie inside."""
    for path in sorted(directory.iterdir()):
        if path.name in SKIPPED:
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise CommandError(f"{path} is a link to something outside {root}; copy it there")
        if path.is_dir() and not path.is_symlink():
            yield from _iter_files(path, root)
        elif path.is_file() or path.is_dir():
            yield path
        else:
            raise CommandError(f"{path} is neither a file nor a directory")
