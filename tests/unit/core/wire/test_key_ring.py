"""Keys by id: what they are derived from, what they cover, and how they are replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelambda.core.wire.key_ring import (
    FIRST_KEY_ID,
    INSTALLATION,
    InternalKey,
    KeyRing,
    KeyScope,
    derive_internal_key,
    derive_namespace_key,
    derive_ring,
)
from kubelambda.core.wire.keys import INTERNAL_KEY_INFO, WeakMasterSecretError, derive_key

MASTER = bytes(range(32))
generations = st.integers(1, 999_999_995)


def test_k1_the_first_key_is_the_one_that_the_release_before_derives() -> None:
    key = derive_internal_key(MASTER, 1)
    assert key == InternalKey(FIRST_KEY_ID, derive_key(MASTER, INTERNAL_KEY_INFO))


def test_no_two_keys_are_alike() -> None:
    """Not even those of a namespace whose name reads like another kind of key."""
    keys = [derive_internal_key(MASTER, one) for one in (1, 2, 11)]
    keys += [
        derive_namespace_key(MASTER, namespace, one)
        for namespace in ("shop", "shop-1", "internal")
        for one in (1, 2, 11)
    ]
    assert len({key.secret for key in keys}) == len({key.key_id for key in keys}) == len(keys)


def test_a_key_shows_no_secret() -> None:
    assert "secret" not in repr(derive_internal_key(MASTER, 1))


@pytest.mark.parametrize("namespace", ["", "a/b", "A", "-a", "a-", "a" * 64, "shop\n", "a:b", "ä"])
def test_only_a_dns_label_is_a_namespace(namespace: str) -> None:
    """Rule A7."""
    with pytest.raises(ValueError, match="not the id of a namespace's key"):
        derive_namespace_key(MASTER, namespace, 1)


@pytest.mark.parametrize(
    "key_id",
    [
        "",
        "internal",
        "internal/",
        "internal/0",
        "internal/01",
        "internal/1 ",
        "internal/4",
        "namespace/shop",
        "namespace/shop/",
        "namespace/shop/0",
        "namespace/shop/02",
        "namespace/shop/2\n",
        "namespace/shop/4",
        "namespace/shop/99999999999999999999",
        "namespace/shop/٢",
        "namespace//2",
        "namespace/a/b/2",
        "namespace/Shop/2",
        "function/shop/2",
    ],
)
def test_an_id_that_is_not_accepted_has_no_key(key_id: str) -> None:
    assert derive_ring(MASTER, 2).find(key_id) is None


@given(generations)
def test_k3_a_process_accepts_its_own_generation_and_its_neighbours(generation: int) -> None:
    ring = derive_ring(MASTER, generation)
    assert ring.current == derive_internal_key(MASTER, generation)
    for other in range(max(1, generation - 3), generation + 4):
        is_accepted = abs(other - generation) <= 1
        for key in (
            derive_internal_key(MASTER, other),
            derive_namespace_key(MASTER, "shop", other),
        ):
            assert ring.find(key.key_id) == (key if is_accepted else None)


def test_a_ring_without_a_master_secret_holds_what_it_was_given() -> None:
    own, other = derive_namespace_key(MASTER, "shop", 2), derive_namespace_key(MASTER, "shop", 1)
    ring = KeyRing(own, [other])
    assert ring.find(own.key_id) is own
    assert ring.find(other.key_id) is other
    assert ring.find(FIRST_KEY_ID) is None


def test_a_short_master_secret_makes_no_ring() -> None:
    """Rule A6."""
    with pytest.raises(WeakMasterSecretError):
        derive_ring(b"short", 1)


def test_k2_a_scope_covers_its_own_namespace_and_an_empty_name_never_means_all() -> None:
    """Rule A2."""
    assert INSTALLATION.covers("shop")
    assert INSTALLATION.is_installation
    shop = derive_namespace_key(MASTER, "shop", 1).scope
    assert not shop.is_installation
    assert [shop.covers(name) for name in ("shop", "other", "")] == [True, False, False]
    assert not KeyScope("").is_installation
    assert not KeyScope("").covers("")
