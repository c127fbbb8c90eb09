"""Packages in a directory: the store of local mode, and every gateway's cache.

Contract: ``core.packages.store.PackageStore``. A package is one file, named by its SHA-256. It is
written and synced under another name and then renamed, so it appears whole (K2) and durable (K1).
Files are read and written in threads.
"""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from kubelambda.core.packages.store import (
    PackageNotFoundError,
    PackagesUnavailableError,
    check_content,
)


class DirectoryPackages:
    """Packages below ``directory``, which is made if it is missing."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def put(self, sha256: str, content: bytes) -> None:
        """Write, sync, rename."""
        await asyncio.to_thread(self._put, sha256, content)

    async def has(self, sha256: str) -> bool:
        """Look for the file."""
        return await asyncio.to_thread(self.holds, sha256)

    def holds(self, sha256: str) -> bool:
        """The same, at once: one look at the directory."""
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
        path = self._directory / sha256
        try:
            await asyncio.to_thread(shutil.copyfile, path, target)
        except FileNotFoundError as error:
            raise PackageNotFoundError(f"no package {sha256}") from error
        except OSError as error:
            raise PackagesUnavailableError(f"cannot read {path}: {error}") from error

    def _put(self, sha256: str, content: bytes) -> None:
        check_content(sha256, content)
        path = self._directory / sha256
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if path.exists():
                return
            with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as part:
                part.write(content)
                part.flush()
                os.fsync(part.fileno())
            Path(part.name).rename(path)
            _sync_directory(self._directory)
        except OSError as error:
            raise PackagesUnavailableError(f"cannot write {path}: {error}") from error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
