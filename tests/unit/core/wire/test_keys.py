"""Derived keys and signed requests."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.wire.keys import (
    WeakMasterSecretError,
    derive_function_key,
    derive_key,
    derive_key_secret_suffix,
    sign_request,
    verify_request,
)

MASTER = bytes(range(32))
KEY = derive_key(MASTER, "test")
PATH = "/v1/demand"


@pytest.mark.parametrize("master", [b"", b"x", bytes(31)])
def test_a_missing_or_short_master_secret_is_an_error(master: bytes) -> None:
    """Rule A6: never "auth off"."""
    with pytest.raises(WeakMasterSecretError):
        derive_key(master, "info")


def test_the_derivation_is_rfc_5869_with_sha_256_and_an_empty_salt() -> None:
    extracted = hmac.new(b"", MASTER, hashlib.sha256).digest()
    expected = hmac.new(extracted, b"info\x01", hashlib.sha256).digest()
    assert derive_key(MASTER, "info") == expected


def test_keys_differ_by_function_and_generation() -> None:
    keys = {derive_function_key(MASTER, uid, number) for uid in ("a", "b") for number in (1, 2)}
    assert len(keys) == 4


def test_a_secret_suffix_is_stable_and_tells_nothing_of_the_key() -> None:
    suffix = derive_key_secret_suffix(MASTER, "uid", 1)
    assert suffix == derive_key_secret_suffix(MASTER, "uid", 1)
    assert suffix not in derive_function_key(MASTER, "uid", 1).hex()


@given(st.binary(max_size=200), st.integers(0, 2**33), st.integers(-30, 30))
def test_a_signature_holds_for_30_seconds(body: bytes, signed_at: int, skew: int) -> None:
    signature = sign_request(KEY, "POST", PATH, body, signed_at)
    assert verify_request(KEY, signature, "POST", PATH, body, signed_at + skew)


REFUSED = [
    ("another body", {"body": b"other"}),
    ("another path", {"path": "/v2/demand"}),
    ("another method", {"method": "PUT"}),
    ("another key", {"key": derive_key(MASTER, "other")}),
    ("too late", {"now_s": 1031}),
    ("from the future", {"now_s": 969}),
    ("no signature", {"signature": ""}),
    ("no moment", {"signature": ":" + "0" * 64}),
    ("a moment that is no number", {"signature": "now:" + "0" * 64}),
    ("digits of another script", {"signature": "\u0661\u0660:" + "0" * 64}),
    ("an endless number", {"signature": "1" * 5000 + ":" + "0" * 64}),
]


@pytest.mark.parametrize("change", [c[1] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_a_request_is_refused(change: dict[str, object]) -> None:
    arguments: dict[str, object] = {
        "key": KEY,
        "signature": sign_request(KEY, "POST", PATH, b"body", 1000),
        "method": "POST",
        "path": PATH,
        "body": b"body",
        "now_s": 1000,
    }
    assert verify_request(**arguments)  # type: ignore[arg-type]
    assert not verify_request(**{**arguments, **change})  # type: ignore[arg-type]
