"""Checks a zip of code or of a layer before it is kept: could an environment unpack it?

Contract: pure; reads the archive's directory and the targets of its links, and unpacks nothing
else. Refuses what the agent would refuse when it unpacks (runtimes/agent/code), with a message that
says what to do; tests/vectors/packages.json holds both to the same zips. Limits and kinds of
entries: spec/lambda.md, section 6.2. As on AWS links are allowed, and a backslash is an ordinary
character of a name.
"""

import base64
import io
import posixpath
import stat
import zipfile
from collections.abc import Iterable

from kubelambda.core.model.code import Code, InlineZip
from kubelambda.core.packages.store import PACKAGE_BYTES_MAX

UNZIPPED_BYTES_MAX = 262_144_000
ENTRIES_MAX = 100_000
NAME_BYTES_MAX = 1024
DEPTH_MAX = 64
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_REPACK = "pack the files again, for example with `zip -r` or `kubelambda package push DIRECTORY`"
_COPY = "copy what it points to into the package"


class PackageRefusedError(ValueError):
    """The zip cannot be a package; the message says why, and what to do."""


def check_package(content: bytes) -> None:
    """Raise PackageRefusedError if environments could not unpack ``content``."""
    if len(content) > PACKAGE_BYTES_MAX:
        raise PackageRefusedError(f"Zipped size must be smaller than {PACKAGE_BYTES_MAX} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_archive(archive)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, EOFError) as error:
        raise PackageRefusedError(
            f"Could not unzip uploaded file. Please check your file, then try to upload again. "
            f"({error})"
        ) from error


def list_backslashed(content: bytes) -> list[str]:
    """Names with a backslash, which does not separate directories on Linux."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [entry.orig_filename for entry in archive.infolist() if "\\" in entry.orig_filename]


def describe_bad_zip(codes: Iterable[Code]) -> str:
    """What is wrong with the first bad zip among ``codes``; empty if all are good."""
    for code in codes:
        if not isinstance(code, InlineZip):
            continue
        try:
            check_package(base64.b64decode(code.base64))
        except ValueError as error:
            return f"zipFile: {error}"
    return ""


def _check_archive(archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    if len(entries) > ENTRIES_MAX:
        raise PackageRefusedError(
            f"the package has {len(entries)} entries, more than {ENTRIES_MAX}; {_REPACK}"
        )
    if sum(entry.file_size for entry in entries) > UNZIPPED_BYTES_MAX:
        raise PackageRefusedError(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")
    leaves: set[str] = set()
    directories: set[str] = set()
    for entry in entries:
        name = _check_name(entry.orig_filename)
        _check_kind(entry)
        if stat.S_ISLNK(_mode(entry)):
            _check_link(name, archive.read(entry))
        if not entry.orig_filename.endswith("/") and not stat.S_ISDIR(_mode(entry)):
            leaves.add(name)
        directories.update(_parents(name))
    for name in sorted(leaves & directories):
        raise PackageRefusedError(
            f"an entry is below {name!r}, which is no directory but a file or a link; {_REPACK}"
        )


def _check_name(name: str) -> str:
    """The path below the root that an entry's name means; "." for the root itself."""
    if len(name.encode(errors="surrogateescape")) > NAME_BYTES_MAX or not name:
        raise PackageRefusedError(f"a file name of {len(name)} bytes; {_REPACK}")
    if "\0" in name:
        raise PackageRefusedError(f"the file name {name!r} is not UTF-8; {_REPACK}")
    if name.startswith("/"):
        raise PackageRefusedError(f"the file name {name!r} is not relative; {_REPACK}")
    if name.count("/") > DEPTH_MAX:
        raise PackageRefusedError(f"the file name {name!r} is nested too deep; {_REPACK}")
    if ".." in name.split("/"):
        raise PackageRefusedError(f"the file name {name!r} leaves the package; {_REPACK}")
    return posixpath.normpath(name)


def _check_kind(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(_mode(entry))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise PackageRefusedError(
            f"{entry.orig_filename!r} is neither a file nor a directory nor a link; leave it out"
        )
    if entry.flag_bits & _ENCRYPTED:
        raise PackageRefusedError(
            f"{entry.orig_filename!r} is encrypted; pack it without a password"
        )
    if entry.compress_type not in _METHODS:
        raise PackageRefusedError(
            f"{entry.orig_filename!r} is compressed by method {entry.compress_type}; use deflate "
            "(zip's own), or none"
        )


def _check_link(name: str, target: bytes) -> None:
    """A link's target may have ".." at its beginning only, and must stay within the package."""
    parts = target.decode(errors="replace").split("/")
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    depth = name.count("/")
    if not target or target.startswith(b"/") or ".." in parts[ups:] or ups > depth:
        raise PackageRefusedError(f"the link {name!r} leaves the package; {_COPY}")


def _mode(entry: zipfile.ZipInfo) -> int:
    return entry.external_attr >> 16


def _parents(name: str) -> Iterable[str]:
    while name := posixpath.dirname(name):
        yield name
