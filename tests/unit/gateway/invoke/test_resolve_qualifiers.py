"""A qualifier is $LATEST, a version or an alias; its version's state counts (spec 7.2, 7.3)."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import Function, FunctionRef
from kubelambda.core.model.target import Target
from kubelambda.gateway.invoke.resolve import Resolver
from unit.functions import ACCOUNT_ID, make_alias, make_function, make_version

ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:hello"
LATEST, FIRST, SECOND = make_function(), make_version(1), make_version(2)


class World:
    """A function with two versions, and a resolver whose random numbers are the test's."""

    def __init__(self, chance: Callable[[], float] = lambda: 0.0) -> None:
        self.index = FunctionIndex()
        self.index.synced = True
        for function in (LATEST, FIRST, SECOND):
            self.index.put(function)
        self.resolver = Resolver(
            self.index, region="us-east-1", default_namespace="shop", chance=chance
        )

    def resolve(self, qualifier: str, uid: str = "", version: str = "") -> Function | ApiError:
        target = Target("hello", qualifier=qualifier)
        return self.resolver.resolve_in("shop", target, uid, version)

    def refuse(self, qualifier: str, uid: str = "", version: str = "") -> ApiError:
        found = self.resolve(qualifier, uid, version)
        assert isinstance(found, ApiError)
        return found


def test_a_number_is_that_version_and_latest_is_the_function() -> None:
    world = World()
    for qualifier, expected in (("", LATEST), ("$LATEST", LATEST), ("1", FIRST), ("2", SECOND)):
        assert world.resolve(qualifier) == expected, qualifier


@pytest.mark.parametrize("qualifier", ["3", "01", "0", "live", "$LATEST.PUBLISHED"])
def test_an_unknown_qualifier_is_a_function_not_found_in_awss_words(qualifier: str) -> None:
    error = World().refuse(qualifier)
    assert (error.status, error.code) == (404, "ResourceNotFoundException")
    assert error.message == f"Function not found: {ARN}:{qualifier}"
    assert not error.is_gone


def test_an_alias_is_its_version_and_moving_it_takes_effect_at_once() -> None:
    world = World()
    for version, expected in (("1", FIRST), ("2", SECOND), ("$LATEST", LATEST), ("1", FIRST)):
        world.index.put_alias(make_alias("live", version))
        assert world.resolve("live") == expected


def test_a_weighted_alias_gives_a_tenth_to_its_second_version() -> None:
    """Within a point over 10,000 requests, each of which is decided for itself."""
    world = World(random.Random(16).random)
    world.index.put_alias(make_alias("live", "1", weights=(("2", 0.1),)))
    found = Counter(
        one.version for _ in range(10_000) if isinstance(one := world.resolve("live"), Function)
    )
    assert found.keys() == {"1", "2"}
    assert 900 <= found["2"] <= 1_100


def test_an_alias_whose_version_is_gone_says_so_and_is_not_gone_itself() -> None:
    world = World()
    world.index.put_alias(make_alias("live", "2"))
    world.index.remove(SECOND.ref)
    error = world.refuse("live", "u")
    assert (error.status, error.is_gone) == (404, False)
    assert error.message == (
        f"Function not found: {ARN}:2 (the alias live names version 2, which does not exist)"
    )


@pytest.mark.parametrize("qualifier", ["2", "live"])
def test_the_state_that_counts_is_the_chosen_versions(qualifier: str) -> None:
    world = World()
    world.index.put_alias(make_alias("live", "2"))
    world.index.put(replace(LATEST, uid="u", ready=False, stalled_reason="RuntimeNotFound"))
    assert world.resolve(qualifier) == SECOND
    assert world.refuse("").status == 502
    for state, status in (("RuntimeNotFound", 502), ("", 409)):
        world.index.remove(SECOND.ref)
        world.index.put(replace(SECOND, ready=False, stalled_reason=state))
        assert world.refuse(qualifier).status == status


def test_what_another_gateway_has_chosen_is_not_chosen_again() -> None:
    world = World()
    world.index.put_alias(make_alias("live", "1"))
    assert world.resolve("live", version="2") == SECOND
    assert world.resolve("live", version="$LATEST") == LATEST
    assert world.resolve("an alias that is not known here yet", version="2") == SECOND
    assert "the alias live names version 7" in world.refuse("live", version="7").message


def test_only_a_version_or_alias_that_was_seen_to_be_deleted_is_gone() -> None:
    world = World()
    world.index.put_alias(make_alias("live", "1"))
    world.index.remove(SECOND.ref, SECOND.uid)
    world.index.remove_alias(FunctionRef("shop", "hello.live"), "alias-live")
    gone = {name: world.refuse(name, "u").is_gone for name in ("2", "live", "3", "test")}
    assert gone == {"2": True, "live": True, "3": False, "test": False}
    world.index.put_alias(make_alias("live", "1", uid="another"))
    assert world.resolve("live", "u") == FIRST, "it is there again"


def test_before_versions_are_listed_none_is_said_to_be_absent() -> None:
    world = World()
    world.index.versions_synced = False
    assert world.refuse("3").status == 503
    assert world.resolve("1") == FIRST
    assert world.resolve("") == LATEST
