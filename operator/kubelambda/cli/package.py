"""``kubelambda package``: a directory becomes a package that functions and layers can name.

Contract: the same files give the same package for ever, whatever machine and time; nothing is sent
before all of it could be read. Prints the SHA-256 and nothing else on standard output.
"""

import hashlib
import http.client
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from kubelambda.core.packages.check import PackageRefusedError, check_package, list_backslashed
from kubelambda.core.packages.store import PACKAGE_BYTES_MAX
from kubelambda.core.wire.package_transfer import UPLOAD_PATH

SKIPPED = frozenset({".git", ".hg", ".svn", "__pycache__"})
UPLOAD_S = 120
_UNIX = 3

app = typer.Typer(help="Upload packages of code and layers.")


class PackageError(Exception):
    """The package cannot be made or sent; the message says what to do."""


@app.callback()
def _group() -> None:
    """Keep ``push`` a command of its own beside those to come."""


@app.command()
def push(
    path: Annotated[Path, typer.Argument(help="A directory, or a zip file as it is.")],
    endpoint_url: Annotated[
        str, typer.Option(envvar="AWS_ENDPOINT_URL_LAMBDA", help="URL of the Lambda API.")
    ] = "http://127.0.0.1:9000",
) -> None:
    """Upload PATH and print its SHA-256, for `code.package`."""
    try:
        content = read_package(path)
        warn_of_backslashes(path, content)
        print(upload(endpoint_url, content))
    except PackageError as error:
        print(f"kubelambda: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


def read_package(path: Path) -> bytes:
    """The zip at ``path``, or the one made of the directory there."""
    if path.is_dir():
        content = build_zip(path)
    elif zipfile.is_zipfile(path):
        content = path.read_bytes()
    elif path.exists():
        raise PackageError(f"{path} is neither a directory nor a zip file")
    else:
        raise PackageError(f"{path} does not exist")
    if len(content) > PACKAGE_BYTES_MAX:
        raise PackageError(
            f"{path} is a package of {len(content)} bytes; Lambda takes {PACKAGE_BYTES_MAX}: leave "
            "out what the function does not need, or move libraries into layers"
        )
    try:
        check_package(content)
    except PackageRefusedError as error:
        raise PackageError(f"{path}: {error}") from error
    return content


def warn_of_backslashes(path: Path, content: bytes) -> None:
    """Say where a zip has Windows' separators: Lambda takes it, but finds no directories in it."""
    names = list_backslashed(content)
    if names:
        print(
            f"kubelambda: {path} has {len(names)} names with a backslash, such as {names[0]!r}: "
            "each is one file of that name, in no directory. If directories were meant, pack it "
            "with `kubelambda package push DIRECTORY`, tar or 7-Zip",
            file=sys.stderr,
        )


def build_zip(directory: Path) -> bytes:
    """One zip for the same files: sorted, dated 1980, modes 0644 and 0755."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        files = list(_iter_files(directory, directory.resolve()))
        if not files:
            raise PackageError(f"{directory} holds no files")
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
    """Files, and links to directories inside."""
    for path in sorted(directory.iterdir()):
        if path.name in SKIPPED:
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise PackageError(f"{path} is a link to something outside {root}; copy it there")
        if path.is_dir() and not path.is_symlink():
            yield from _iter_files(path, root)
        elif path.is_file() or path.is_dir():
            yield path
        else:
            raise PackageError(f"{path} is neither a file nor a directory")


def upload(endpoint_url: str, content: bytes) -> str:
    """Send ``content``; its SHA-256 when the store has it."""
    name = hashlib.sha256(content).hexdigest()
    parts = urlsplit(endpoint_url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or not parts.netloc:
        raise PackageError(f"{endpoint_url!r} is no URL such as http://127.0.0.1:9000")
    connection = kinds[parts.scheme](parts.netloc, timeout=UPLOAD_S)
    try:
        connection.request("PUT", f"{parts.path.rstrip('/')}{UPLOAD_PATH}{name}", body=content)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise PackageError(f"cannot upload to {endpoint_url}: {error}") from error
    finally:
        connection.close()
    if answer.status not in (200, 201):
        raise PackageError(f"{endpoint_url} refused the package: {_describe(answer.status, body)}")
    return name


def _describe(status: int, body: bytes) -> str:
    try:
        fields = json.loads(body)
        return str(fields.get("message") or fields["Message"])
    except (ValueError, KeyError, AttributeError):
        return f"status {status}"
