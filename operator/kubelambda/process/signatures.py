"""Signing and checking what our own processes send one another.

Contract: every request between our processes is a POST and is signed as ``core.wire.keys`` says,
with a key of a ring (``core.wire.key_ring``). A signature covers the path, the body and, if the
route has one, its header of metadata; it is good for SIGNATURE_AGE_S_MAX. A signed reply is signed
with the key of its request and covers that request's signature, so that no old reply can be played
back. Nothing is parsed before its signature has been checked: the caller sees to that. Whoever does
not ask for the scope of a key gets yes for keys of the whole installation only (rule K2).

A signature is ``2:<key id>:<unix time>:<hex>`` (K1). Made with the key FIRST_KEY_ID it is
``<unix time>:<hex>``, which the previous release reads; it knows no other key.
"""

import hashlib
import hmac
import time
from collections.abc import Callable

from kubelambda.core.wire.key_ring import (
    FIRST_KEY_ID,
    InternalKey,
    KeyRing,
    KeyScope,
    derive_ring,
)
from kubelambda.core.wire.keys import sign_request, verify_request

_NAMED = "2:"
"""How a signature that names its key begins."""


class Signatures:
    """Signs with the keys of ``ring`` at the time that ``now`` tells, in seconds of unix time."""

    def __init__(self, ring: KeyRing, now: Callable[[], float] = time.time) -> None:
        self._ring = ring
        self._now = now

    @classmethod
    def derive(cls, master_secret: bytes, generation: int) -> "Signatures":
        """With the keys of an installation; WeakMasterSecretError."""
        return cls(derive_ring(master_secret, generation))

    @property
    def key_id(self) -> str:
        """The id of the key that signs."""
        return self._ring.current.key_id

    def sign(self, path: str, body: bytes, meta: str = "") -> str:
        """The value of SIGNATURE_HEADER for a request; ``meta`` is its header of metadata."""
        return self._make(self._ring.current, "POST", _join(path, meta), body)

    def verify(self, signature: str, path: str, body: bytes, meta: str = "") -> bool:
        """Whether ``sign`` made it for this very request, lately, for the whole installation."""
        scope = self.find_scope(signature, path, body, meta)
        return scope is not None and scope.is_installation

    def find_scope(self, signature: str, path: str, body: bytes, meta: str = "") -> KeyScope | None:
        """What the request may concern; None if ``sign`` did not make ``signature`` for it, lately.

        The caller compares it with what the request says, once that is parsed.
        """
        key = self._find_signer(signature, "POST", _join(path, meta), body)
        return None if key is None else key.scope

    def sign_reply(self, path: str, request_signature: str, body: bytes) -> str:
        """The value of SIGNATURE_HEADER for the reply to a verified request signed so."""
        key = self._ring.find(_split(request_signature)[0]) or self._ring.current
        return self._make(key, "REPLY", _join(path, request_signature), body)

    def verify_reply(self, signature: str, path: str, request_signature: str, body: bytes) -> bool:
        """Whether ``signature`` was made by ``sign_reply`` for this very reply, lately."""
        key = self._find_signer(signature, "REPLY", _join(path, request_signature), body)
        return key is not None and key.key_id == _split(request_signature)[0]

    def prove(self, text: str, key_id: str) -> str | None:
        """A proof that this process has the key, for ``text``, which holds a nonce of who asks.

        It has no time, so that no clock matters; and no ``text`` is a signed request's. None if the
        key is not accepted here, or is not of the whole installation.
        """
        key = self._ring.find(key_id)
        if key is None or not key.scope.is_installation:
            return None
        return hmac.new(key.secret, f"proof\n{text}".encode(), hashlib.sha256).hexdigest()

    def is_proof(self, proof: str, text: str, key_id: str) -> bool:
        """Whether ``prove`` made ``proof`` for ``text``; takes as long for any wrong one."""
        expected = self.prove(text, key_id)
        return expected is not None and hmac.compare_digest(expected.encode(), proof.encode())

    def _make(self, key: InternalKey, method: str, covered: str, body: bytes) -> str:
        signature = sign_request(key.secret, method, covered, body, int(self._now()))
        return signature if key.key_id == FIRST_KEY_ID else f"{_NAMED}{key.key_id}:{signature}"

    def _find_signer(
        self, signature: str, method: str, covered: str, body: bytes
    ) -> InternalKey | None:
        key_id, unnamed = _split(signature)
        key = self._ring.find(key_id)
        if key is None:
            return None
        now_s = int(self._now())
        return key if verify_request(key.secret, unnamed, method, covered, body, now_s) else None


def _split(signature: str) -> tuple[str, str]:
    """The id of the key, and the signature without it."""
    if signature.startswith(_NAMED):
        _, key_id, *unnamed = signature.split(":", 2)
        if unnamed:
            return key_id, unnamed[0]
    return FIRST_KEY_ID, signature


def _join(path: str, more: str) -> str:
    return f"{path}\n{more}" if more else path
