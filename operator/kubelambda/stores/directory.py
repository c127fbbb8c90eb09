"""Packages in a directory: the store of local mode.

Contract: ``core.packages.store.PackageStore``. A package is one file, named by its SHA-256. It is
written and synced under another name and then renamed, so it appears whole (K2) and durable (K1).
Files are read and written in threads. One process at a time uses the directory (local mode locks
its state directory), so a lock of this process makes a step one moment (K5), and a count of what
this process has done makes every revision another one (K4), however coarse the file system's times
are. A withdrawn package is the same file under another name (K6).
"""

import asyncio
import os
import shutil
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import BinaryIO

from kubelambda.core.packages.store import (
    PackageNotFoundError,
    PackagesUnavailableError,
    StoredPackage,
    check_content,
    is_sha256,
)

_WITHDRAWN = ".withdrawn"
_PART = "part-"
_COPIED_BYTES = 1 << 20
PART_S = 3600.0
"""A put that takes longer than this was cut off: what it has left is removed."""


class DirectoryPackages:
    """Packages below ``directory``, which is made if it is missing."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._changes: Counter[str] = Counter()
        """How often this process has changed each package."""
        self._lock = threading.Lock()

    async def put(self, sha256: str, content: bytes) -> None:
        """Write, sync, rename."""
        await asyncio.to_thread(self._put, sha256, content)

    async def has(self, sha256: str) -> bool:
        """Look for the file."""
        return await asyncio.to_thread(self._has, sha256)

    def holds(self, sha256: str) -> bool:
        """Whether it can be fetched at once: one look at the directory."""
        path = self._directory / sha256
        try:
            path.stat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise PackagesUnavailableError(f"cannot look for {path}: {error}") from error
        return True

    async def fetch(self, sha256: str, target: Path) -> None:
        """Copy the file."""
        await asyncio.to_thread(self._fetch, sha256, target)

    async def list_all(self) -> list[StoredPackage]:
        """Look at every file; old parts of puts that were cut off are removed."""
        return await asyncio.to_thread(self._list_all)

    async def renew(self, package: StoredPackage) -> bool:
        """Give it the time of now."""
        return await asyncio.to_thread(self._renew, package)

    async def withdraw(self, package: StoredPackage) -> StoredPackage | None:
        """Rename it."""
        return await asyncio.to_thread(self._move, package, withdrawn=True)

    async def restore(self, package: StoredPackage) -> bool:
        """Rename it back."""
        return await asyncio.to_thread(self._move, package, withdrawn=False) is not None

    async def delete(self, package: StoredPackage) -> bool:
        """Unlink it."""
        return await asyncio.to_thread(self._delete, package)

    def _put(self, sha256: str, content: bytes) -> None:
        check_content(sha256, content)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if self._touch(sha256):
                return
            with tempfile.NamedTemporaryFile(
                prefix=_PART, dir=self._directory, delete=False
            ) as part:
                part.write(content)
                part.flush()
                os.fsync(part.fileno())
            with self._lock:
                Path(part.name).rename(self._locate(sha256))
                self._changes[sha256] += 1
                self._locate(sha256, withdrawn=True).unlink(missing_ok=True)
                _sync_directory(self._directory)
        except OSError as error:
            raise PackagesUnavailableError(f"cannot write package {sha256}: {error}") from error

    def _touch(self, sha256: str) -> bool:
        """Note one more put of a package that is there, withdrawn or not; False if it is not."""
        path, hidden = self._locate(sha256), self._locate(sha256, withdrawn=True)
        with self._lock:
            if hidden.exists():
                hidden.rename(path)
            elif not path.exists():
                return False
            os.utime(path)
            self._changes[sha256] += 1
            _sync_directory(self._directory)
        return True

    def _fetch(self, sha256: str, target: Path) -> None:
        try:
            with self._open(sha256) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, _COPIED_BYTES)
        except OSError as error:
            raise PackagesUnavailableError(f"cannot read package {sha256}: {error}") from error

    def _open(self, sha256: str) -> BinaryIO:
        """The file, which stays readable whatever becomes of its name."""
        with self._lock:
            try:
                return self._locate(sha256).open("rb")
            except FileNotFoundError as error:
                if self._locate(sha256, withdrawn=True).exists():
                    raise PackagesUnavailableError(f"package {sha256} is withdrawn") from error
                raise PackageNotFoundError(f"no package {sha256}") from error

    def _has(self, sha256: str) -> bool:
        with self._lock:
            if self.holds(sha256):
                return True
            if self._locate(sha256, withdrawn=True).exists():
                raise PackagesUnavailableError(f"package {sha256} is withdrawn")
        return False

    def _list_all(self) -> list[StoredPackage]:
        found = []
        try:
            with self._lock:
                for path in self._directory.iterdir():
                    name = path.name.removesuffix(_WITHDRAWN)
                    one = self._read(name, withdrawn=path.name != name) if is_sha256(name) else None
                    if one is not None:
                        found.append(one)
                    elif path.name.startswith(_PART):
                        _remove_old(path)
        except FileNotFoundError:
            return found  # nothing was put yet
        except OSError as error:
            raise PackagesUnavailableError(f"cannot list {self._directory}: {error}") from error
        return found

    def _renew(self, package: StoredPackage) -> bool:
        try:
            with self._lock:
                if self._read(package.sha256, withdrawn=False) != package:
                    return False
                os.utime(self._locate(package.sha256))
                self._changes[package.sha256] += 1
                return True
        except OSError as error:
            raise PackagesUnavailableError(f"package {package.sha256}: {error}") from error

    def _move(self, package: StoredPackage, *, withdrawn: bool) -> StoredPackage | None:
        """Withdraw or restore ``package``; what it is now, or None if it has changed."""
        name = package.sha256
        try:
            with self._lock:
                if self._read(name, withdrawn=not withdrawn) != package:
                    return None
                source = self._locate(name, withdrawn=not withdrawn)
                source.rename(self._locate(name, withdrawn=withdrawn))
                self._changes[name] += 1
                return self._read(name, withdrawn=withdrawn)
        except OSError as error:
            raise PackagesUnavailableError(f"cannot rename package {name}: {error}") from error

    def _delete(self, package: StoredPackage) -> bool:
        try:
            with self._lock:
                if self._read(package.sha256, withdrawn=True) != package:
                    return False
                self._locate(package.sha256, withdrawn=True).unlink()
                self._changes[package.sha256] += 1
                return True
        except OSError as error:
            message = f"cannot delete package {package.sha256}: {error}"
            raise PackagesUnavailableError(message) from error

    def _read(self, sha256: str, *, withdrawn: bool) -> StoredPackage | None:
        try:
            found = self._locate(sha256, withdrawn=withdrawn).stat()
        except FileNotFoundError:
            return None
        revision = f"{found.st_mtime_ns}.{self._changes[sha256]}"
        return StoredPackage(sha256, found.st_size, revision, withdrawn)

    def _locate(self, sha256: str, *, withdrawn: bool = False) -> Path:
        return self._directory / (sha256 + _WITHDRAWN if withdrawn else sha256)


def _remove_old(part: Path) -> None:
    if time.time() - part.stat().st_mtime > PART_S:
        part.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
