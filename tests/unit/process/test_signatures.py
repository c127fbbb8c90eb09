"""Signatures: what was signed by one of our processes is told from everything else."""

import re
import time
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from kubelambda.core.wire.key_ring import (
    InternalKey,
    KeyRing,
    derive_internal_key,
    derive_namespace_key,
)
from kubelambda.core.wire.keys import (
    INTERNAL_KEY_INFO,
    SIGNATURE_AGE_S_MAX,
    WeakMasterSecretError,
    derive_key,
    sign_request,
    verify_request,
)
from kubelambda.process.signatures import Signatures
from unit.signing import make_signatures

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
    return make_signatures(key, lambda: at)


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
    signatures = make_signatures(derive_key(master, INTERNAL_KEY_INFO), lambda: 1_000.9)
    expected = sign_request(derive_key(master, INTERNAL_KEY_INFO), "POST", "/p\nmeta", b"b", 1_000)
    assert signatures.sign("/p", b"b", "meta") == expected


def test_without_a_good_master_secret_nothing_is_signed() -> None:
    with pytest.raises(WeakMasterSecretError):
        Signatures.derive(b"short", 1)


def test_all_processes_of_an_installation_derive_one_key() -> None:
    signature = Signatures.derive(b"m" * 32, 1).sign("/p", b"b")
    assert Signatures.derive(b"m" * 32, 1).verify(signature, "/p", b"b")
    assert not Signatures.derive(b"n" * 32, 1).verify(signature, "/p", b"b")


# keys by id

MASTER = b"m" * 32
SHOP = derive_namespace_key(MASTER, "shop", 1)


def test_k1_a_signature_names_its_key_but_for_the_one_that_the_release_before_has() -> None:
    first, second = (Signatures.derive(MASTER, generation) for generation in (1, 2))
    assert re.fullmatch(r"[0-9]+:[0-9a-f]{64}", first.sign("/p", b"b"))
    assert re.fullmatch(r"2:internal/2:[0-9]+:[0-9a-f]{64}", second.sign("/p", b"b"))


def test_k1_a_signature_that_names_the_first_key_is_understood_too() -> None:
    """As the next release will write it."""
    first = Signatures.derive(MASTER, 1)
    assert first.verify(f"2:internal/1:{first.sign('/p', b'b')}", "/p", b"b")


def test_k1_the_release_before_refuses_a_key_that_it_does_not_have() -> None:
    signature = Signatures.derive(MASTER, 2).sign("/p", b"b")
    key = derive_key(MASTER, INTERNAL_KEY_INFO)
    assert not verify_request(key, signature, "POST", "/p", b"b", int(time.time()))


@pytest.mark.parametrize(
    "signature",
    ["2:", "2::", "2:internal/2", "2:internal/2:", "2:internal/2:1", "2:internal/2:1:", "3:a:1:b"],
)
def test_what_is_no_signature_is_refused(signature: str) -> None:
    for generation in (1, 2):
        assert not Signatures.derive(MASTER, generation).verify(signature, "/p", b"b")


def test_k1_a_signature_holds_for_the_key_that_it_names_only() -> None:
    signature = Signatures.derive(MASTER, 2).sign("/p", b"b")
    receiver = Signatures.derive(MASTER, 2)
    assert receiver.verify(signature, "/p", b"b")
    for other in ("internal/1", "internal/3", "namespace/shop/2"):
        forged = signature.replace("internal/2", other)
        assert receiver.find_scope(forged, "/p", b"b") is None


def test_k2_a_namespaces_key_signs_for_its_namespace_and_never_for_all() -> None:
    pod, gateway = Signatures(KeyRing(SHOP)), Signatures.derive(MASTER, 1)
    signature = pod.sign("/p", b"b", "meta")
    assert not gateway.verify(signature, "/p", b"b", "meta")
    assert gateway.find_scope(signature, "/p", b"b", "meta") == SHOP.scope
    assert gateway.find_scope(signature, "/p", b"other", "meta") is None
    assert gateway.prove("text", SHOP.key_id) is None
    assert not gateway.is_proof(pod.prove("text", SHOP.key_id) or "", "text", SHOP.key_id)


def test_k2_a_namespaces_key_signs_for_no_namespace_that_it_only_names() -> None:
    pod = Signatures(KeyRing(InternalKey("namespace/other/1", SHOP.secret)))
    assert Signatures.derive(MASTER, 1).find_scope(pod.sign("/p", b"b"), "/p", b"b") is None


def test_a_reply_is_signed_with_the_key_of_its_request() -> None:
    pod, gateway = Signatures(KeyRing(SHOP)), Signatures.derive(MASTER, 2)
    request = pod.sign("/p", b"b")
    reply = gateway.sign_reply("/p", request, b"reply")
    assert pod.verify_reply(reply, "/p", request, b"reply")


def test_a_reply_with_another_key_than_its_requests_is_refused() -> None:
    """Even with one that is accepted: of a namespace, it could answer for a gateway."""
    pod, gateway = Signatures(KeyRing(SHOP)), Signatures.derive(MASTER, 1)
    request = gateway.sign("/p", b"b")
    assert gateway.verify_reply(gateway.sign_reply("/p", request, b"r"), "/p", request, b"r")
    assert not gateway.verify_reply(pod.sign_reply("/p", request, b"r"), "/p", request, b"r")


def can_talk(one: Signatures, other: Signatures) -> bool:
    """Whether each accepts the other's requests and replies, and both open a trunk."""
    is_heard = True
    for sender, receiver in ((one, other), (other, one)):
        signature, key_id = sender.sign("/p", b"b"), sender.key_id
        is_heard &= receiver.verify(signature, "/p", b"b")
        reply = receiver.sign_reply("/p", signature, b"r")
        is_heard &= sender.verify_reply(reply, "/p", signature, b"r")
        is_heard &= sender.is_proof(receiver.prove("a", key_id) or "", "a", key_id)
        is_heard &= receiver.is_proof(sender.prove("d", key_id) or "", "d", key_id)
    return is_heard


@pytest.mark.parametrize("generation", [1, 2, 9])
def test_k3_a_rollout_to_the_next_generation_refuses_no_request(generation: int) -> None:
    """Whichever processes have been replaced so far: any two of them understand each other."""
    before, after = Signatures.derive(MASTER, generation), Signatures.derive(MASTER, generation + 1)
    for one, other in ((before, before), (before, after), (after, after)):
        assert can_talk(one, other)


def test_k3_two_generations_later_the_key_is_gone() -> None:
    former = Signatures.derive(MASTER, 1)
    signature = former.sign("/p", b"b")
    assert Signatures.derive(MASTER, 2).verify(signature, "/p", b"b")
    assert not Signatures.derive(MASTER, 3).verify(signature, "/p", b"b")
    assert not can_talk(former, Signatures.derive(MASTER, 3))


def test_k3_keys_without_a_master_secret_are_added_switched_to_and_removed() -> None:
    """As a process does that is given its keys: at no step is a neighbour refused."""
    old, new = derive_internal_key(MASTER, 1), derive_internal_key(MASTER, 2)
    steps = [KeyRing(old), KeyRing(old, [new]), KeyRing(new, [old]), KeyRing(new)]
    for one, other in pairwise(steps):
        assert can_talk(Signatures(one), Signatures(other))
    assert not can_talk(Signatures(steps[0]), Signatures(steps[-1]))
