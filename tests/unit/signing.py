"""Signatures with a key that a test chooses."""

import time
from collections.abc import Callable

from kubelambda.core.wire.key_ring import FIRST_KEY_ID, InternalKey, KeyRing
from kubelambda.process.signatures import Signatures


def make_signatures(secret: bytes, now: Callable[[], float] = time.time) -> Signatures:
    """Of a process whose only key is the installation's first one, with these bytes."""
    return Signatures(KeyRing(InternalKey(FIRST_KEY_ID, secret)), now)
