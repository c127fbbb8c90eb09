"""The packages that local mode's files and its applied objects name, read afresh.

Contract: the port ``core.packages.names.PackageNames``. The text of every YAML file below the paths
is searched, so a document with a mistake names its packages too. A file or a store that cannot be
read, or a path that is not there now, is NamesUnknownError.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from kubelambda.catalog.documents import iter_manifest_files
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.object_names import find_object_names
from kubelambda.catalog.served_packages import list_served_packages
from kubelambda.core.packages.names import NamesUnknownError
from kubelambda.objects.errors import ObjectsError
from kubelambda.objects.port import Objects, list_all

LAYER = "LambdaLayer"
NAMING_KINDS = ("LambdaFunction", "LambdaVersion", LAYER)
TRIES = 5
_SHA256 = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class LocalNames:
    """Reads the files below ``paths``, and ``objects``; ``index`` is what is served of them."""

    def __init__(self, paths: Sequence[Path], objects: Objects, index: FunctionIndex) -> None:
        self._paths = paths
        self._objects = objects
        self._index = index

    async def read(self) -> frozenset[str]:
        """Search every file, in a thread, after every object."""
        try:
            applied = await self._search_objects()
            return applied | await asyncio.to_thread(_search_files, self._paths)
        except (OSError, ObjectsError) as error:
            raise NamesUnknownError(f"files or objects cannot be read: {error}") from error

    async def _search_objects(self) -> frozenset[str]:
        """As of one moment, or a name that moves from one object to another could be missed."""
        for _ in range(TRIES):
            names: set[str] = set()
            versions = set()
            for kind in NAMING_KINDS:
                items, version = await list_all(self._objects, kind)
                versions.add(version)
                for item in items:
                    names |= find_object_names(item, is_layer=kind == LAYER)
            if len(versions) == 1:
                return frozenset(names)
        raise NamesUnknownError("objects are written all the time")

    def list_served(self) -> frozenset[str]:
        """Of all functions, those of broken files as they were before."""
        return list_served_packages(self._index)


def _search_files(paths: Iterable[Path]) -> frozenset[str]:
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in _iter_files(paths))
    return frozenset(name for text in texts for name in _SHA256.findall(text))


def _iter_files(paths: Iterable[Path]) -> Iterable[Path]:
    """Files only: a directory may be called ``x.yaml``."""
    for path in iter_manifest_files(paths):
        if not path.is_dir():
            yield path
