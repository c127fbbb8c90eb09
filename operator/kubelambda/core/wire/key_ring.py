"""The keys that sign what our own processes send one another: each has an id and a scope.

Contract: pure. A key is derived from the master secret and from what its id says, so a key of one
id or scope tells nothing of any other. The rules, which tests name:

- K1 a signature names the id of the key that it was made with. One without an id, as the previous
  release makes them, was made with the key FIRST_KEY_ID, whose derivation never changes.
- K2 a key is of the whole installation, or of one namespace. What was signed with a key of a
  namespace may concern that namespace only.
- K3 a process signs with one key and accepts more: its own generation, the one before and the one
  after. So a rollout that raises the generation by one refuses no request; raising it once more
  removes the key that was in use before both.

Namespaces and generations in an id are data: an id that is not written exactly as here has no key.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from kubelambda.core.wire.keys import INTERNAL_KEY_INFO, derive_key

FIRST_GENERATION = 1
FIRST_KEY_ID = f"internal/{FIRST_GENERATION}"
"""The id of the only key that the previous release knows."""
_GENERATION = r"(?P<generation>[1-9][0-9]{0,8})"
_OF_NAMESPACE = re.compile(
    rf"namespace/(?P<namespace>[a-z0-9](?:[-a-z0-9]{{0,61}}[a-z0-9])?)/{_GENERATION}", re.ASCII
)


@dataclass(frozen=True, slots=True)
class KeyScope:
    """What may be signed with a key: everything (None), or what concerns ``namespace``."""

    namespace: str | None

    @property
    def is_installation(self) -> bool:
        """Whether it is the whole installation."""
        return self.namespace is None

    def covers(self, namespace: str) -> bool:
        """Whether ``namespace`` is inside of it; an empty one never means all (rule A2)."""
        return self.namespace is None or (self.namespace == namespace != "")


INSTALLATION = KeyScope(None)


@dataclass(frozen=True, slots=True)
class InternalKey:
    """One key."""

    key_id: str
    secret: bytes = field(repr=False)
    scope: KeyScope = INSTALLATION


def derive_internal_key(master: bytes, generation: int) -> InternalKey:
    """The installation's key of ``generation``; WeakMasterSecretError."""
    is_first = generation == FIRST_GENERATION
    info = INTERNAL_KEY_INFO if is_first else f"{INTERNAL_KEY_INFO}/{generation}"
    return InternalKey(f"internal/{generation}", derive_key(master, info))


def derive_namespace_key(master: bytes, namespace: str, generation: int) -> InternalKey:
    """The key of ``namespace``, a DNS label; ValueError for anything else."""
    key_id = f"namespace/{namespace}/{generation}"
    if not _OF_NAMESPACE.fullmatch(key_id):
        raise ValueError(f"{key_id!r} is not the id of a namespace's key")
    info = f"kubelambda/namespace/{namespace}/{generation}"
    return InternalKey(key_id, derive_key(master, info), KeyScope(namespace))


def _find_nothing(_: str) -> None:
    """No key but those that the ring holds."""


class KeyRing:
    """Signs with ``current``; also accepts ``others``, and what ``derive`` finds for an id."""

    def __init__(
        self,
        current: InternalKey,
        others: Iterable[InternalKey] = (),
        derive: Callable[[str], InternalKey | None] = _find_nothing,
    ) -> None:
        self.current = current
        self._keys = {key.key_id: key for key in (*others, current)}
        self._derive = derive

    def find(self, key_id: str) -> InternalKey | None:
        """The key of this id; None if it is not accepted here."""
        return self._keys.get(key_id) or self._derive(key_id)


def derive_ring(master: bytes, generation: int) -> KeyRing:
    """The ring of a process that holds the master secret and signs with ``generation`` (K3).

    Keys of namespaces are accepted in the same generations; they are derived when they are asked
    for (two HMACs), since nobody knows which namespaces there will be.
    """
    generations = [one for one in range(generation - 1, generation + 2) if one >= FIRST_GENERATION]
    return KeyRing(
        derive_internal_key(master, generation),
        (derive_internal_key(master, one) for one in generations),
        partial(_derive_for_namespace, master, frozenset(generations)),
    )


def _derive_for_namespace(
    master: bytes, generations: frozenset[int], key_id: str
) -> InternalKey | None:
    matched = _OF_NAMESPACE.fullmatch(key_id)
    if matched is None or int(matched["generation"]) not in generations:
        return None
    return derive_namespace_key(master, matched["namespace"], int(matched["generation"]))
