"""The packages that the objects of a cluster name, read afresh.

Contract: the port ``core.packages.names.PackageNames``. Does not trust the catalog's watches, which
may lag behind: every object of NAMING_KINDS is read from the API server as it was at one moment
after the call. The first list is of the newest state, which only a quorum of etcd can tell; the
others are of the same resource version, so that nothing is overlooked that moves from one object to
another meanwhile. An API server that cannot do this (or has forgotten the version)
is NamesUnknownError.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from kubelambda.catalog.api_reader import FAILURES, ApiReader
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.object_names import find_object_names
from kubelambda.catalog.served_packages import list_served_packages
from kubelambda.core.packages.names import NamesUnknownError

NAMING_KINDS = ("lambdafunctions", "lambdaversions", "lambdalayers")
"""The plurals of all kinds whose objects name packages."""
PAGE_ITEMS = 10
"""An object may be as large as 1.5 MB, and decoding a page holds up everything else."""
LAYERS = "lambdalayers"


class ClusterNames:
    """Reads with ``reader``, in ``namespaces`` or, without any, in the whole cluster."""

    def __init__(
        self, reader: ApiReader, index: FunctionIndex, namespaces: Sequence[str] = ()
    ) -> None:
        self._reader = reader
        self._index = index
        self._namespaces: Sequence[str | None] = tuple(namespaces) or (None,)

    async def read(self) -> frozenset[str]:
        """List every kind in every namespace."""
        names: set[str] = set()
        version = ""
        try:
            for plural in NAMING_KINDS:
                for namespace in self._namespaces:
                    version = await self._list(plural, namespace, version, names)
        except FAILURES as error:
            raise NamesUnknownError(f"the API server: {error!r}") from error
        return frozenset(names)

    def list_served(self) -> frozenset[str]:
        """Of the catalog."""
        return list_served_packages(self._index)

    async def _list(self, plural: str, namespace: str | None, version: str, names: set[str]) -> str:
        """Add to ``names``; the resource version of the list, which is ``version`` if given."""
        parameters = {"limit": str(PAGE_ITEMS)}
        if version:
            parameters |= {"resourceVersion": version, "resourceVersionMatch": "Exact"}
        while True:
            page = await self._fetch(plural, namespace, parameters)
            for item in page["items"] or ():
                names |= find_object_names(item, is_layer=plural == LAYERS)
            listed = str(page["metadata"]["resourceVersion"])
            if not listed or (version and listed != version):
                raise ValueError(f"a list of version {listed!r} in place of {version!r}")
            version = listed
            token = page["metadata"].get("continue", "")
            if not token:
                return version
            parameters = {"limit": str(PAGE_ITEMS), "continue": token}
            await asyncio.sleep(0)

    async def _fetch(
        self, plural: str, namespace: str | None, parameters: Mapping[str, str]
    ) -> Any:
        async with await self._reader.get(plural, namespace, parameters) as response:
            response.raise_for_status()
            return json.loads(await response.read())
