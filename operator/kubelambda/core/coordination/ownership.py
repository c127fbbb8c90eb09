"""Which gateway owns a function.

Contract: pure. Rendezvous hashing: all gateways with the same members choose the same owner, and a
member that comes or goes moves only functions of its own.
"""

import hashlib
from collections.abc import Sequence


def choose_owner(namespace: str, name: str, members: Sequence[str]) -> str:
    """The member that owns a function: the highest rendezvous hash. ``members`` is not empty."""
    return max(members, key=lambda member: (_weigh(namespace, name, member), member))


def _weigh(namespace: str, name: str, member: str) -> int:
    digest = hashlib.blake2b(f"{namespace}/{name}\n{member}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "big")
