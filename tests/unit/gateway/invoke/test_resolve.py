"""What a caller names is a function that may serve, or the error that AWS gives."""

from dataclasses import replace

import pytest

from kubelambda.catalog.index import FunctionIndex
from kubelambda.core.errors import ApiError
from kubelambda.core.model.function import Function, Stall
from kubelambda.core.model.target import Target
from kubelambda.gateway.invoke.resolve import Resolver
from unit.functions import make_function

FUNCTION, HELLO = make_function(), Target("hello")


def build_resolver(*functions: Function, synced: bool = True) -> tuple[FunctionIndex, Resolver]:
    index = FunctionIndex()
    index.synced = synced
    for function in functions:
        index.put(function)
    return index, Resolver(index, region="us-east-1", default_namespace="shop")


def resolve(*functions: Function, target: Target = HELLO) -> object:
    found = build_resolver(*functions)[1].resolve_in("shop", target)
    return (found.status, found.code) if isinstance(found, ApiError) else found


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (replace(FUNCTION, ready=False), (409, "ResourceConflictException")),
        (
            replace(FUNCTION, ready=False, stalled_reason="RuntimeNotFound"),
            (502, "ResourceNotReadyException"),
        ),
    ],
    ids=["nobody has judged it yet", "it cannot run at all"],
)
def test_what_may_not_run_is_refused(function: Function, expected: tuple[int, str]) -> None:
    assert resolve(function) == expected


@pytest.mark.parametrize("stall", [Stall.NO_ROOM, Stall.CANNOT_START])
def test_what_lacks_environments_only_is_resolved_and_its_pool_decides(stall: Stall) -> None:
    """An asynchronous event of it is accepted: the queue takes it."""
    function = replace(FUNCTION, stalled_reason="Unschedulable", stall=stall)
    assert resolve(function) == function


@pytest.mark.parametrize(
    "target",
    [Target("other"), Target("hello", qualifier="7"), Target("hello", qualifier="live")],
    ids=["no such name", "no such version", "no such alias"],
)
def test_what_is_not_there_is_not_found(target: Target) -> None:
    assert resolve(FUNCTION, target=target) == (404, "ResourceNotFoundException")


def test_before_the_catalog_is_read_nothing_is_said_to_be_absent() -> None:
    _, resolver = build_resolver(synced=False)
    found = resolver.resolve_in("shop", Target("hello"))
    assert isinstance(found, ApiError)
    assert found.status == 503


def test_an_event_runs_for_the_object_that_it_was_accepted_for_only() -> None:
    index, resolver = build_resolver(FUNCTION)
    assert resolver.resolve_in("shop", Target("hello"), "u") == FUNCTION
    not_known_yet = resolver.resolve_in("shop", Target("hello"), "a newer one")
    assert isinstance(not_known_yet, ApiError)
    assert (not_known_yet.status, not_known_yet.is_gone) == (404, False)
    index.put(replace(FUNCTION, uid="a newer one"))
    gone = resolver.resolve_in("shop", Target("hello"), "u")
    assert isinstance(gone, ApiError)
    assert (gone.status, gone.is_gone) == (404, True)


def test_only_what_was_seen_to_be_deleted_is_gone() -> None:
    index, resolver = build_resolver(FUNCTION)
    index.remove(FUNCTION.ref)
    for uid, is_gone in (("u", True), ("never seen", False), ("", False)):
        found = resolver.resolve_in("shop", Target("hello"), uid)
        assert isinstance(found, ApiError)
        assert found.is_gone is is_gone, uid
