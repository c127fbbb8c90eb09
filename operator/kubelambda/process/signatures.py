"""Signing and checking what our own processes send one another.

Contract: every request between our processes is a POST and is signed as ``core.wire.keys`` says,
with one key that is derived from the master secret. A signature covers the path, the body and,
if the route has one, its header of metadata; it is good for SIGNATURE_AGE_S_MAX. A signed reply
covers the signature of its request too, so that no old reply can be played back. Nothing is parsed
before its signature has been checked: the caller sees to that.
"""

import hashlib
import hmac
import time
from collections.abc import Callable

from kubelambda.core.wire.keys import INTERNAL_KEY_INFO, derive_key, sign_request, verify_request


class Signatures:
    """Signs with ``key`` at the time that ``now`` tells, in seconds of unix time."""

    def __init__(self, key: bytes, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now

    @classmethod
    def derive(cls, master_secret: bytes) -> "Signatures":
        """With the internal key of an installation; WeakMasterSecretError."""
        return cls(derive_key(master_secret, INTERNAL_KEY_INFO))

    def sign(self, path: str, body: bytes, meta: str = "") -> str:
        """The value of SIGNATURE_HEADER for a request; ``meta`` is its header of metadata."""
        return sign_request(self._key, "POST", _join(path, meta), body, int(self._now()))

    def verify(self, signature: str, path: str, body: bytes, meta: str = "") -> bool:
        """Whether ``signature`` was made by ``sign`` for this very request, lately."""
        now_s = int(self._now())
        return verify_request(self._key, signature, "POST", _join(path, meta), body, now_s)

    def sign_reply(self, path: str, request_signature: str, body: bytes) -> str:
        """The value of SIGNATURE_HEADER for the reply to the request signed so."""
        covered = _join(path, request_signature)
        return sign_request(self._key, "REPLY", covered, body, int(self._now()))

    def verify_reply(self, signature: str, path: str, request_signature: str, body: bytes) -> bool:
        """Whether ``signature`` was made by ``sign_reply`` for this very reply, lately."""
        covered = _join(path, request_signature)
        return verify_request(self._key, signature, "REPLY", covered, body, int(self._now()))

    def prove(self, text: str) -> str:
        """A proof that this process has the key, for ``text``, which holds a nonce of who asks.

        It has no time, so that no clock matters; and no ``text`` is a signed request's.
        """
        return hmac.new(self._key, f"proof\n{text}".encode(), hashlib.sha256).hexdigest()

    def is_proof(self, proof: str, text: str) -> bool:
        """Whether ``prove`` made ``proof`` for ``text``; takes as long for any wrong one."""
        return hmac.compare_digest(self.prove(text).encode(), proof.encode())


def _join(path: str, more: str) -> str:
    return f"{path}\n{more}" if more else path
