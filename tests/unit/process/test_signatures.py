"""Signatures: what was signed by one of our processes is told from everything else."""

from dataclasses import dataclass, replace

import pytest

from kubelambda.core.wire.keys import (
    INTERNAL_KEY_INFO,
    SIGNATURE_AGE_S_MAX,
    WeakMasterSecretError,
    derive_key,
    sign_request,
)
from kubelambda.process.signatures import Signatures

KEY = b"k" * 32
NOW_S = 1_000.0


@dataclass(frozen=True)
class Sent:
    """What arrives, as the receiver sees it; each case changes one thing."""

    path: str = "/internal/v1/invoke"
    meta: str = '{"v":1}'
    body: bytes = b"body"
    key: bytes = KEY
    later_s: float = 0.0


CHANGED = [
    ("another path", {"path": "/internal/v1/heartbeat"}),
    ("other metadata", {"meta": '{"v":1} '}),
    ("no metadata", {"meta": ""}),
    ("another body", {"body": b"other"}),
    ("another key", {"key": b"x" * 32}),
    ("an old signature", {"later_s": SIGNATURE_AGE_S_MAX + 1}),
    ("a signature of the future", {"later_s": -SIGNATURE_AGE_S_MAX - 1}),
]


def signed(at: float = NOW_S, key: bytes = KEY) -> Signatures:
    return Signatures(key, lambda: at)


@pytest.mark.parametrize(
    "changes", [change for _, change in CHANGED], ids=[name for name, _ in CHANGED]
)
def test_a_request_that_differs_from_what_was_signed_is_told(changes: dict[str, object]) -> None:
    """Rule A6."""
    sent = Sent()
    signature = signed().sign(sent.path, sent.body, sent.meta)
    assert signed(NOW_S + SIGNATURE_AGE_S_MAX).verify(signature, sent.path, sent.body, sent.meta)
    sent = replace(sent, **changes)  # type: ignore[arg-type]
    receiver = signed(NOW_S + sent.later_s, sent.key)
    assert not receiver.verify(signature, sent.path, sent.body, sent.meta)


@pytest.mark.parametrize(
    "changes", [change for _, change in CHANGED], ids=[name for name, _ in CHANGED]
)
def test_a_reply_holds_for_its_own_request_only(changes: dict[str, object]) -> None:
    """``meta`` stands for the signature of the request: no old reply can be played back."""
    sent = Sent()
    signature = signed().sign_reply(sent.path, sent.meta, sent.body)
    assert signed().verify_reply(signature, sent.path, sent.meta, sent.body)
    sent = replace(sent, **changes)  # type: ignore[arg-type]
    receiver = signed(NOW_S + sent.later_s, sent.key)
    assert not receiver.verify_reply(signature, sent.path, sent.meta, sent.body)


def test_a_reply_is_no_request_and_a_request_no_reply() -> None:
    signatures = signed()
    assert not signatures.verify(signatures.sign_reply("/p", "m", b"b"), "/p", b"b", "m")
    assert not signatures.verify_reply(signatures.sign("/p", b"b", "m"), "/p", "m", b"b")


def test_the_scheme_is_the_one_that_every_release_has() -> None:
    """core.wire.keys: a POST; metadata follows the path on a line of its own."""
    master = b"m" * 32
    signatures = Signatures(derive_key(master, INTERNAL_KEY_INFO), lambda: 1_000.9)
    expected = sign_request(derive_key(master, INTERNAL_KEY_INFO), "POST", "/p\nmeta", b"b", 1_000)
    assert signatures.sign("/p", b"b", "meta") == expected


def test_without_a_good_master_secret_nothing_is_signed() -> None:
    with pytest.raises(WeakMasterSecretError):
        Signatures.derive(b"short")


def test_all_processes_of_an_installation_derive_one_key() -> None:
    signature = Signatures.derive(b"m" * 32).sign("/p", b"b")
    assert Signatures.derive(b"m" * 32).verify(signature, "/p", b"b")
    assert not Signatures.derive(b"n" * 32).verify(signature, "/p", b"b")
