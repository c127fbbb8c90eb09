"""The packages that local mode's files name, read afresh.

Contract: the port ``core.packages.names.PackageNames``. The text of every YAML file below the paths
is searched, so a document with a mistake names its packages too. A file that cannot be read, or a
path that is not there now, is NamesUnknownError.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from kubelambda.catalog.documents import iter_manifest_files
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.served_packages import list_served_packages
from kubelambda.core.packages.names import NamesUnknownError

_SHA256 = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class FileNames:
    """Reads the files below ``paths``; ``index`` is what is served of them."""

    def __init__(self, paths: Sequence[Path], index: FunctionIndex) -> None:
        self._paths = paths
        self._index = index

    async def read(self) -> frozenset[str]:
        """Search every file, in a thread."""
        try:
            return await asyncio.to_thread(_search_files, self._paths)
        except OSError as error:
            raise NamesUnknownError(f"the files cannot be read: {error}") from error

    def list_served(self) -> frozenset[str]:
        """Of the functions that the files hold, or held before they were broken."""
        return list_served_packages(self._index)


def _search_files(paths: Iterable[Path]) -> frozenset[str]:
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in _iter_files(paths))
    return frozenset(name for text in texts for name in _SHA256.findall(text))


def _iter_files(paths: Iterable[Path]) -> Iterable[Path]:
    """Files only: a directory may be called ``x.yaml``."""
    for path in iter_manifest_files(paths):
        if not path.is_dir():
            yield path
