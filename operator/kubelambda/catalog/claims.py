"""What objects claim to be, where several may claim the same: a layer's version, an alias.

Contract: lives on one event loop; no I/O. Of several objects that claim the same the oldest counts
(the controller marks the others Stalled); of equally old ones the first by name.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

ObjectKey = tuple[str, str]
"""Namespace and metadata.name."""
Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Claim(Generic[Name, Value]):
    created: str
    key: ObjectKey
    name: Name
    value: Value


class Claims(Generic[Name, Value]):
    """Objects by key, and by what they claim to be."""

    def __init__(self) -> None:
        self._claims: dict[ObjectKey, _Claim[Name, Value]] = {}
        self._of_name: dict[Name, list[_Claim[Name, Value]]] = {}

    def put(self, key: ObjectKey, created: str, name: Name, value: Value) -> bool:
        """Remember the object ``key``, which claims to be ``name``; False if nothing is new."""
        claim = _Claim(created, key, name, value)
        if self._claims.get(key) == claim:
            return False
        self.remove(key)
        self._claims[key] = claim
        claims = self._of_name.setdefault(name, [])
        claims.append(claim)
        claims.sort(key=lambda one: (one.created, one.key))
        return True

    def remove(self, key: ObjectKey) -> Value | None:
        """Forget the object ``key``; what it was."""
        claim = self._claims.pop(key, None)
        if claim is None:
            return None
        claims = self._of_name[claim.name]
        claims.remove(claim)
        if not claims:
            del self._of_name[claim.name]
        return claim.value

    def get(self, key: ObjectKey) -> Value | None:
        """What the object ``key`` is."""
        claim = self._claims.get(key)
        return claim.value if claim is not None else None

    def find(self, name: Name) -> Value | None:
        """The oldest object that claims to be ``name``."""
        claims = self._of_name.get(name)
        return claims[0].value if claims else None

    def keys(self, namespace: str | None) -> list[ObjectKey]:
        """All objects, or those of one namespace."""
        return [key for key in self._claims if namespace in (None, key[0])]
