"""Joins functions and their versions with layers, into one index of functions.

Contract: lives on one event loop; no I/O. Functions with layers are pending until the layers of
their namespace have been listed once. After that a layer that appears, changes or is deleted
changes only the functions that name it. Functions without layers never wait for layers. All this
holds for published versions, too.
"""

from collections.abc import Iterable
from dataclasses import replace

from kubelambda.catalog.claims import ObjectKey
from kubelambda.catalog.index import FunctionIndex
from kubelambda.catalog.layers import LayerRegistry, LayerVersion, VersionKey
from kubelambda.core.model.function import Function, FunctionRef


class LayeredIndex:
    """Feeds ``index`` with functions that have their layers."""

    def __init__(self, index: FunctionIndex) -> None:
        self._index = index
        self._book = LayerRegistry()
        self._bare: dict[FunctionRef, Function] = {}
        """Functions and versions that name layers, as their own objects describe them."""
        self._listed: set[str | None] = set()

    def put_function(self, function: Function) -> None:
        """Add a function or a version, or replace its former self."""
        if function.layers:
            self._bare[function.ref] = function
        else:
            self._bare.pop(function.ref, None)
        self._index.put(self._complete(function))

    def remove_function(self, key: ObjectKey, uid: str = "") -> None:
        """Forget a function or a version; with ``uid``, only if it is this object."""
        ref = FunctionRef(*key)
        bare = self._bare.get(ref)
        if bare is not None and uid in ("", bare.uid):
            del self._bare[ref]
        self._index.remove(ref, uid)

    def replace_functions(self, functions: Iterable[Function], namespace: str | None) -> None:
        """Make ``functions`` all functions that there are (in ``namespace``, or at all)."""
        self._replace(functions, namespace, versions=False)

    def replace_versions(self, versions: Iterable[Function], namespace: str | None) -> None:
        """Make ``versions`` all published versions that there are, likewise."""
        self._replace(versions, namespace, versions=True)

    def put_layer(self, version: LayerVersion) -> None:
        """Add a layer version or replace its former self."""
        if self._book.put(version):
            self._refresh({version.version_key})

    def remove_layer(self, key: ObjectKey) -> None:
        """Forget a layer version; functions that remember its content keep it."""
        version = self._book.remove(key)
        if version is not None:
            self._refresh({version.version_key})

    def replace_layers(self, versions: Iterable[LayerVersion], namespace: str | None) -> None:
        """Make ``versions`` all that there is (in ``namespace``, or at all)."""
        wanted = {version.key: version for version in versions}
        for key in self._book.keys(namespace):
            if key not in wanted:
                self._book.remove(key)
        for version in wanted.values():
            self._book.put(version)
        self._listed.add(namespace)
        for function in list(self._bare.values()):
            if namespace in (None, function.ref.namespace):
                self._index.put(self._complete(function))

    def _replace(
        self, functions: Iterable[Function], namespace: str | None, *, versions: bool
    ) -> None:
        wanted = {function.ref: function for function in functions}
        for ref in self._index.list_objects(namespace, versions=versions):
            if ref not in wanted:
                self.remove_function((ref.namespace, ref.name))
        for function in wanted.values():
            self.put_function(function)

    def _refresh(self, keys: set[VersionKey]) -> None:
        for function in list(self._bare.values()):
            namespace = function.ref.namespace
            if any((namespace, layer.name, layer.version) in keys for layer in function.layers):
                self._index.put(self._complete(function))

    def _complete(self, function: Function) -> Function:
        if not function.layers:
            return function
        if self._listed.isdisjoint((None, function.ref.namespace)):
            # What it remembers counts only once its layers are known to be gone.
            return replace(function, ready=False)
        return self._book.complete(function)
