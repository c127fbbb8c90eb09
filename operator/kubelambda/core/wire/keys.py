"""Keys derived from the installation's master secret, and signed requests between our processes.

Contract: pure functions of bytes. An empty or short master secret is an error, never "auth off"
(rule A6). HKDF is RFC 5869 with SHA-256; keys for functions follow docs/link.md, section 3.
"""

import hashlib
import hmac

KEY_BYTES = 32
MASTER_BYTES_MIN = 32
SIGNATURE_HEADER = "x-kubelambda-signature"
SIGNATURE_AGE_S_MAX = 30
INTERNAL_KEY_INFO = "kubelambda/internal"
"""What the key of requests between our own processes is bound to; ``key_ring`` has the others."""


class WeakMasterSecretError(ValueError):
    """The master secret is missing or shorter than 32 bytes."""


def derive_key(master: bytes, info: str) -> bytes:
    """HKDF-SHA256 with an empty salt: 32 bytes bound to ``info``."""
    if len(master) < MASTER_BYTES_MIN:
        raise WeakMasterSecretError(
            f"the master secret has {len(master)} bytes, at least {MASTER_BYTES_MIN} are needed"
        )
    pseudo_random_key = hmac.new(bytes(KEY_BYTES), master, hashlib.sha256).digest()
    return hmac.new(pseudo_random_key, info.encode() + b"\x01", hashlib.sha256).digest()


def derive_function_key(master: bytes, uid: str, key_generation: int) -> bytes:
    """The key that a function's agents and the gateways share."""
    return derive_key(master, f"kubelambda/function/{uid}/{key_generation}")


def derive_key_secret_suffix(master: bytes, uid: str, key_generation: int) -> str:
    """16 hex digits for the name of a key Secret: always the same, and nobody can guess them."""
    return derive_key(master, f"kubelambda/key-name/{uid}/{key_generation}").hex()[:16]


def sign_request(key: bytes, method: str, path: str, body: bytes, now_s: int) -> str:
    """The signature of a request between our own processes: ``<unix time>:<hex>``."""
    digest = hashlib.sha256(body).hexdigest()
    message = f"{now_s}\n{method}\n{path}\n{digest}".encode()
    return f"{now_s}:{hmac.new(key, message, hashlib.sha256).hexdigest()}"


def verify_request(
    key: bytes, signature: str, method: str, path: str, body: bytes, now_s: int
) -> bool:
    """Whether ``signature`` was made with ``key`` for exactly this request in the last 30 s."""
    moment, separator, _ = signature.partition(":")
    if not separator or not moment.isascii() or not moment.isdigit() or len(moment) > 12:
        return False
    if abs(now_s - int(moment)) > SIGNATURE_AGE_S_MAX:
        return False
    expected = sign_request(key, method, path, body, int(moment))
    return hmac.compare_digest(expected.encode(), signature.encode())
