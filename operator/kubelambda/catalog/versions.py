"""The objects of published versions, and which of them are served.

Contract: lives on one event loop; no I/O. A version is served while the LambdaFunction that owns it
is there, under the name that both of them give; so one whose owner is not set yet is not published
yet. It has the reservation of its function, which counts for all versions together. Of two objects
that are the same version the older one counts. Source: spec/lambda.md section 7.2.
"""

from dataclasses import replace
from typing import cast

from kubelambda.catalog.claims import Claims
from kubelambda.core.model.function import Function, FunctionRef

VersionKey = tuple[FunctionRef, str, str, str]
"""Of the function: its reference, its uid and AWS's name; and the number."""


class VersionRegistry:
    """All objects of versions that have a number, served or not."""

    def __init__(self) -> None:
        self._claims: Claims[VersionKey, Function] = Claims()
        self._of_function: dict[FunctionRef, dict[FunctionRef, None]] = {}

    def put(self, version: Function) -> bool:
        """Remember ``version``; False if nothing is new."""
        if not self._claims.put(version.ref, version.created, _build_key(version), version):
            return False
        self._of_function.setdefault(version.ref.function, {})[version.ref] = None
        return True

    def remove(self, ref: FunctionRef) -> None:
        """Forget the object at ``ref``."""
        if self._claims.remove(ref) is None:
            return
        siblings = self._of_function[ref.function]
        del siblings[ref]
        if not siblings:
            del self._of_function[ref.function]

    def get(self, ref: FunctionRef) -> Function | None:
        """The version that the object at ``ref`` describes."""
        return self._claims.get(ref)

    def find(self, function: Function, number: str) -> Function | None:
        """The version ``number`` of ``function``, as its own object describes it."""
        key = (function.ref, function.uid, function.function_name, number)
        return self._claims.find(key)

    def list_of(self, function: FunctionRef) -> list[FunctionRef]:
        """The objects of versions that belong to the function at ``function`` by their names."""
        return list(self._of_function.get(function, ()))

    def refs(self, namespace: str | None) -> list[FunctionRef]:
        """All objects, or those of one namespace."""
        return cast("list[FunctionRef]", self._claims.keys(namespace))

    def complete(self, ref: FunctionRef, function: Function | None) -> Function | None:
        """What is served of the object at ``ref``, given its function as it is; None: nothing."""
        version = self._claims.get(ref)
        if version is None or function is None:
            return None
        if self.find(function, version.version) is not version:
            return None
        if version.reserved_concurrency == function.reserved_concurrency:
            return version
        return replace(version, reserved_concurrency=function.reserved_concurrency)


def _build_key(version: Function) -> VersionKey:
    return (version.ref.function, version.owner_uid, version.function_name, version.version)
